import type { Store } from '../../stores/store.ts';
import { splitUri } from '../uri.ts';
import { InvalidPath } from './errors.ts';

/** A path in the one form that a FileSystem works with. */
export interface PathName {
  /** `scheme://authority`, without a slash at its end; '' for a FileSystem over a single Store. */
  root: string;
  scheme: string;
  authority: string;
  /** Names joined by '/'; '' is the root directory. */
  key: string;
}

/** A path with the Store it lies in. */
export interface Located extends PathName {
  store: Store;
}

/**
 * Takes a path apart as Hadoop's Path does: several slashes are one, a slash at the end means nothing, `.`
 * and `..` are resolved. Names are not decoded.
 * @param root what a path without a scheme is relative to
 * @throws InvalidPath
 */
export function parsePath(path: string, root: { scheme: string; authority: string }): PathName {
  const parts = splitUri(path);
  const { scheme, authority } = parts ?? root;
  if (!parts && /^[a-z][a-z0-9+.-]*:/i.test(path)) throw new InvalidPath(path, 'write scheme://bucket/path');
  if (parts && authority === '' && scheme !== 'file') throw new InvalidPath(path, 'it names no bucket');
  const names: string[] = [];
  for (const name of (parts ? (parts.key ?? '') : path).split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined) throw new InvalidPath(path, 'it leads above the root');
  }
  return {
    scheme,
    authority,
    root: scheme === '' ? '' : `${scheme}://${authority}`,
    key: names.join('/'),
  };
}

export const parentKey = (key: string): string => key.slice(0, Math.max(0, key.lastIndexOf('/')));

export const lastName = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

export const joinKey = (directory: string, name: string): string =>
  directory === '' ? name : `${directory}/${name}`;

/** The prefix of everything in a directory. */
export const directoryPrefix = (key: string): string => (key === '' ? '' : `${key}/`);

export const pathOf = (root: string, key: string): string => `${root}/${key}`;
