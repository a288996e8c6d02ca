import { resolve } from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { asFolder } from '../base/keys.ts';
import { findObject } from './find.ts';
import type { OpenStore } from './open.ts';
import type { Store } from './store.ts';

/** Where a job writes: everything goes below `root`, which is '' or ends with '/'. */
export interface Folder {
  store: Store;
  root: string;
}

/**
 * Opens the folder behind a URI that objects are to be written below.
 * @throws SluiceError as OpenStore; BAD_SPEC when it is a file on this machine, which would have to make way
 */
export async function openFolder(
  open: OpenStore,
  uri: string,
  options: { connection?: string } = {},
): Promise<Folder> {
  const { store, path } = await open(uri, options);
  const mayBeFile = store.kind === 'file' && path !== '' && !path.endsWith('/');
  if (mayBeFile && (await findObject(store, path)))
    throw new SluiceError('BAD_SPEC', `${uri} is a file. Name a folder, which need not be there yet.`);
  return { store, root: asFolder(path) };
}

/**
 * A folder's path made absolute, as a spec is to hold it: a job goes on from any folder, and what it did before must
 * not lie elsewhere. Other addresses stay as they are.
 */
export function settledUri(uri: string): string {
  if (uri.trim() === '' || /^[a-z][a-z0-9+.-]*(?::|\/\/)/i.test(uri)) return uri;
  const path = resolve(uri);
  return uri.endsWith('/') && path !== '/' ? `${path}/` : path;
}
