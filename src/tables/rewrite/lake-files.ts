import { SluiceError } from '../../base/errors.ts';
import type { Add, Remove } from '../delta/actions.ts';
import type { FileSet, StoredFile } from '../delta/file-set.ts';
import type { TableSource } from '../method.ts';
import { walkSorted } from './sorted-walk.ts';

/**
 * Finds the lake's files behind the files of a table and notes them there.
 * @throws SluiceError CORRUPT when the commit lacks a file that the log names
 */
export async function findLakeFiles(files: FileSet, source: TableSource, signal: AbortSignal): Promise<void> {
  await walkSorted({
    names: files.neededFiles(),
    root: source.root,
    async page(after, pageSize) {
      for await (const page of source.list({ after, pageSize, signal })) return page;
      return [];
    },
    found: (name, file) => files.noteStored(name, file),
    absent(name) {
      throw new SluiceError(
        'CORRUPT',
        `The Delta log of ${source.root} names the file ${name}, which is not in commit ${source.commit} of ${source.repository}.`,
        { retryable: false },
      );
    },
  });
}

/**
 * What `findLakeFiles` found for a file action.
 * @throws SluiceError CORRUPT when lake and log disagree about the file's size
 */
export function storedAs(action: Add | Remove, name: string, files: FileSet): StoredFile {
  const stored = files.stored(name)!;
  if (action.size !== undefined && stored.size !== action.size) {
    throw new SluiceError(
      'CORRUPT',
      `The Delta log says that ${name} has ${action.size} bytes; in the commit it has ${stored.size}.`,
      { retryable: false },
    );
  }
  return stored;
}
