import { type ErrorCode, isError } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';

const CODES: Record<string, [ErrorCode, string]> = {
  ENOENT: ['NOT_FOUND', 'is not there'],
  ENOTDIR: ['NOT_FOUND', 'lies below a file'],
  EEXIST: ['CONFLICT', 'has something else in its way; move it elsewhere and try again'],
  ENOSPC: ['NO_SPACE', 'does not fit: the disk is full. Free some space and run the same command again'],
  EDQUOT: [
    'NO_SPACE',
    'does not fit: the disk quota is used up. Free some space and run the same command again',
  ],
  EFBIG: ['NO_SPACE', 'is larger than this file system or the process limit allows'],
  EACCES: ['ACCESS_DENIED', 'may not be accessed by this user; check owner and permissions of the folder'],
  EPERM: ['ACCESS_DENIED', 'may not be changed by this user; check owner and permissions of the folder'],
  EROFS: ['ACCESS_DENIED', 'lies on a file system that is mounted read-only'],
  ELOOP: ['ACCESS_DENIED', 'is or lies behind a symbolic link, and links in a folder are not followed'],
  ENAMETOOLONG: ['BAD_KEY', 'makes a path that is too long for this file system'],
  EXDEV: ['UNSUPPORTED', 'lies on another file system than the root of the store; open that one as a store'],
  ENOTSUP: ['UNSUPPORTED', 'needs something that this file system cannot do'],
  EOPNOTSUPP: ['UNSUPPORTED', 'needs something that this file system cannot do'],
  EMFILE: [
    'UNAVAILABLE',
    'cannot be opened: too many files are open; lower the concurrency or raise ulimit -n',
  ],
  ENFILE: ['UNAVAILABLE', 'cannot be opened: too many files are open on this machine'],
  ESTALE: ['UNAVAILABLE', 'has a stale handle of a network file system'],
  EIO: ['UNAVAILABLE', 'cannot be read or written: the disk reports an error'],
};

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** What the operating system says, as a StoreError; other errors as they are. */
export function fileError(error: unknown, store: string, key?: string): unknown {
  if (isError(error)) return error;
  const code = codeOf(error);
  const known = CODES[code];
  if (!known) return error;
  const subject = key === undefined ? store : `${key} in ${store}`;
  return new StoreError(known[0], `${subject} ${known[1]} (${code}).`, {
    store,
    key,
    providerCode: code,
    cause: error,
  });
}

export function notFound(store: string, key: string): StoreError {
  return new StoreError('NOT_FOUND', `There is no object ${key} in ${store}.`, { store, key });
}

/** Runs work on files, with what the operating system throws made a StoreError. */
export async function guarded<T>(store: string, key: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, store, key);
  }
}
