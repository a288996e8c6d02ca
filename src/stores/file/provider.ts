import { statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Connection } from '../../base/connections.ts';
import { SluiceError } from '../../base/errors.ts';
import type { StoreProvider } from '../open.ts';
import { SettingReader } from '../setting-reader.ts';
import { fileError } from './errors.ts';
import { FileStore } from './store.ts';

/**
 * `file:///absolute/folder`, `./relative/folder`, `/a/folder`: the Store is that folder, or, when the path is
 * that of a file, the folder it is in. Nothing in the address is decoded: `%20` is `%20`. With a connection
 * (`{type: file, root, sync}`) the Store is its `root`, and the address must lie in it.
 */
export const fileProvider: StoreProvider = {
  schemes: ['file'],
  connectionTypes: ['file'],
  locate(uri, connection) {
    const path = pathOf(uri);
    const { root } = parseFileConnection(connection);
    if (root !== undefined) {
      const inside = relative(root, path);
      if (inside === '..' || inside.startsWith('../')) {
        throw new SluiceError(
          'BAD_URI',
          `${uri} is not in ${root}, the root of the connection "${connection!.name}".`,
        );
      }
      const slash = inside !== '' && uri.endsWith('/') ? '/' : '';
      return { container: root, path: inside + slash };
    }
    if (!uri.endsWith('/') && isFile(path)) {
      const folder = dirname(path);
      return { container: folder, path: relative(folder, path) };
    }
    return { container: path, path: '' };
  },
  async open(container, connection) {
    return new FileStore(container, { sync: parseFileConnection(connection).sync });
  },
};

/** @throws StoreError ACCESS_DENIED (a folder above it may not be looked into), BAD_KEY (a name is too long) */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    throw fileError(error, `file://${path}`);
  }
}

function pathOf(uri: string): string {
  const match = /^file:(?:\/\/([^/]*))?(.*)$/is.exec(uri);
  if (!match) return resolve(uri);
  const [, host = '', path = ''] = match;
  if ((host === '' || host === 'localhost') && path.startsWith('/')) return resolve(path);
  throw new SluiceError(
    'BAD_URI',
    `${uri} names the machine "${host}"; write file:/// and an absolute path, or a path without file:.`,
  );
}

export interface FileSettings {
  /** Absolute. */
  root?: string;
  sync: boolean;
}

/** @throws SluiceError BAD_CONFIG */
export function parseFileConnection(connection: Connection | undefined): FileSettings {
  const read = new SettingReader(connection?.name ?? 'the environment', connection ?? {});
  read.known(['root', 'sync'], 'a folder');
  const root = read.text('root');
  return { ...(root !== undefined && { root: resolve(root) }), sync: read.flag('sync') ?? false };
}
