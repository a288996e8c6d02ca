import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it, where they are not there. Node's own `recursive` never ends where a file
 * system says ENOENT of a folder whose parent is there, as /proc does.
 * @param mode of the folders that are made
 * @throws the file system's error: EACCES, EEXIST or ENOTDIR (a file is in the way), ENOENT, ENOSPC, EROFS
 */
export function makeFolders(path: string, mode?: number): void {
  for (let again = false; ; again = true) {
    try {
      mkdirSync(path, mode);
      return;
    } catch (error) {
      const above = dirname(path);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && above !== path && !again) {
        makeFolders(above, mode);
        continue;
      }
      // That another process was faster is as good.
      if (!isFolder(path)) throw error;
      return;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
