import { SluiceError } from '../../base/errors.ts';
import { compareKeys } from '../../base/keys.ts';
import type { FileSet } from '../delta/file-set.ts';
import type { LakeFile, TableSource } from '../method.ts';

const PAGE = 1000;
/** For so few files a full page would move bytes for nothing. */
const FEW = 16;

/**
 * Finds the lake's files behind the live files of a table and notes them there. Walks the sorted names and the
 * sorted listing together and leaps over what is not needed: never more requests than files needed, nor than pages.
 * @throws SluiceError CORRUPT when the commit lacks a file that the log names
 */
export async function findLakeFiles(
  files: FileSet,
  source: TableSource,
  signal: AbortSignal,
): Promise<number> {
  const needed = files.neededFiles();
  const pageSize = files.neededCount() <= FEW ? FEW : PAGE;
  let next = needed.next();
  let reached = source.root;
  let pages = 0;
  while (!next.done) {
    const wanted = source.root + next.value;
    const leap = wanted.slice(0, -1);
    const after = compareKeys(reached, leap) > 0 ? reached : leap;
    const page = await firstPage(source, after, pageSize, signal);
    pages++;
    for (const file of page) {
      if (next.done) break;
      const order = compareKeys(source.root + next.value, file.path);
      if (order < 0) throw missing(source, next.value);
      if (order === 0) {
        files.noteStored(next.value, file);
        next = needed.next();
      }
    }
    const last = page.at(-1);
    if (!next.done && (!last || page.length < pageSize)) throw missing(source, next.value);
    if (last) reached = last.path;
  }
  return pages;
}

async function firstPage(
  source: TableSource,
  after: string,
  pageSize: number,
  signal: AbortSignal,
): Promise<LakeFile[]> {
  for await (const page of source.list({ after, pageSize, signal })) return page;
  return [];
}

function missing(source: TableSource, file: string): SluiceError {
  return new SluiceError(
    'CORRUPT',
    `The Delta log of ${source.root} names the file ${file}, which is not in commit ${source.commit} of ${source.repository}.`,
    { retryable: false },
  );
}
