import { isError } from '../../base/errors.ts';
import { findObject } from '../../stores/find.ts';
import type { ObjectInfo } from '../../stores/store.ts';
import { InvalidPath } from './errors.ts';
import { directoryPrefix, type Located, pathOf } from './path.ts';

export interface FileStatus {
  /** With scheme and bucket, without a slash at its end. */
  path: string;
  isDirectory: boolean;
  /** Bytes; 0 for a directory. */
  length: number;
  /** Milliseconds since 1970; of files. */
  modified?: number;
  etag?: string;
}

/** The object of a path; undefined when there is none. @throws InvalidPath for a name that no object can have */
export async function fileAt(at: Located): Promise<ObjectInfo | undefined> {
  if (at.key === '') return undefined;
  try {
    return await findObject(at.store, at.key);
  } catch (error) {
    if (isError(error, 'BAD_KEY')) throw new InvalidPath(pathOf(at.root, at.key), error.message);
    throw error;
  }
}

/** Whether anything lies below a path; the root is always a directory. */
export async function isDirectory(at: Located): Promise<boolean> {
  if (at.key === '') return true;
  try {
    for await (const page of at.store.list({ prefix: directoryPrefix(at.key), pageSize: 1 })) {
      if (page.objects.length > 0) return true;
    }
  } catch (error) {
    // There is not even the bucket.
    if (!isError(error, 'NOT_FOUND')) throw error;
  }
  return false;
}

/** Whether nothing but its marker is in a directory. */
export async function isEmpty(at: Located): Promise<boolean> {
  const prefix = directoryPrefix(at.key);
  for await (const page of at.store.list({ prefix, pageSize: 2 })) {
    if (page.objects.some(({ key }) => key !== prefix)) return false;
  }
  return true;
}

/** A file, else a directory, else undefined. */
export async function statusOf(at: Located): Promise<FileStatus | undefined> {
  const info = await fileAt(at);
  if (info) return fileStatus(at, info);
  return (await isDirectory(at)) ? directoryStatus(at, at.key) : undefined;
}

/** What is directly in a directory; undefined stands for its marker. */
export async function* childrenOf(at: Located, begins = ''): AsyncGenerator<FileStatus | undefined> {
  const prefix = directoryPrefix(at.key);
  for await (const page of at.store.list({ prefix: prefix + begins, delimiter: '/' })) {
    const entries = [
      ...page.objects.map((info) => ({ key: info.key, info })),
      ...page.prefixes.map((key) => ({ key, info: undefined })),
    ];
    entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    for (const { key, info } of entries) {
      const name = key.slice(prefix.length).replace(/\/$/, '');
      // A name that is empty comes of keys such as `a//b`, which no path can say.
      if (name === '') yield undefined;
      else yield info ? fileStatus(at, info) : directoryStatus(at, prefix + name);
    }
  }
}

export const fileStatus = (at: Located, { key, size, modified, etag }: ObjectInfo): FileStatus => ({
  path: pathOf(at.root, key),
  isDirectory: false,
  length: size,
  modified,
  etag,
});

const directoryStatus = (at: Located, key: string): FileStatus => ({
  path: pathOf(at.root, key),
  isDirectory: true,
  length: 0,
});
