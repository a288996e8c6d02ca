import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it, where they are not there. Node's own `recursive` never ends where a file
 * system says ENOENT of a folder whose parent is there, as /proc does.
 * @param mode of the folders that are made
 * @throws the file system's error: EACCES, EEXIST or ENOTDIR (a file is in the way), ENOENT, ENOSPC, EROFS
 */
export function makeFolders(path: string, mode?: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && above !== path) {
      makeFolders(above, mode);
      make(path, mode);
    } else if (!isFolder(path)) throw error;
  }
}

/** As `mkdir`; that another process was faster is as good. */
function make(path: string, mode?: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
