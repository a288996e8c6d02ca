import type { Connection, Connections } from '../base/connections.ts';
import { SluiceError } from '../base/errors.ts';
import type { Store } from './store.ts';

/** A place inside a Store: a key, or a prefix of keys ('' = everything). */
export interface Location {
  store: Store;
  path: string;
  /** As it was asked for, without secrets. */
  uri: string;
}

/**
 * Opens the Store behind a URI. Stores are kept: the same container by the same connection is the same
 * Store, so they share sockets and limits.
 * @throws SluiceError BAD_URI, BAD_CONFIG, NOT_FOUND (a connection's name)
 */
export type OpenStore = (uri: string, options?: { connection?: string }) => Promise<Location>;

/** One kind of Store, by the schemes of its URIs. `open` gets the connection that the configuration names, if any. */
export interface StoreProvider {
  schemes: readonly string[];
  /** The types of Connection it takes. */
  connectionTypes: readonly string[];
  /** Where the URI lies. `container` names the Store that is needed: equal containers share one Store. */
  locate(uri: string, connection: Connection | undefined): { container: string; path: string };
  open(container: string, connection: Connection | undefined): Promise<Store>;
}

/** Makes `openStore` of providers: the first whose scheme matches takes the URI; no scheme is `file`. */
export function storeOpener(
  providers: readonly StoreProvider[],
  connections: Connections,
): OpenStore & { close(): Promise<void> } {
  const stores = new Map<string, Promise<Store>>();

  const open = async (uri: string, options: { connection?: string } = {}): Promise<Location> => {
    refuseMistyped(uri, providers);
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]?.toLowerCase() ?? 'file';
    const connection =
      options.connection === undefined ? connections.forUri(uri) : connections.named(options.connection);
    const provider =
      (connection &&
        !schemeTaken(providers, scheme) &&
        providers.find((p) => p.connectionTypes.includes(connection.type))) ||
      providers.find((p) => p.schemes.includes(scheme));
    if (!provider) {
      const known = providers.flatMap((p) => p.schemes).join(', ');
      throw new SluiceError(
        'BAD_URI',
        `No store takes the scheme "${scheme}://" of ${uri} (known: ${known}).`,
      );
    }
    if (connection && !provider.connectionTypes.includes(connection.type)) {
      throw new SluiceError(
        'BAD_CONFIG',
        `${uri} cannot be opened by connection "${connection.name}": it is of type ${connection.type}, and ${scheme}:// needs ${provider.connectionTypes.join(' or ')}.`,
      );
    }
    const { container, path } = provider.locate(uri, connection);
    const id = [provider.schemes[0], connection?.name ?? '', container].join('\n');
    let store = stores.get(id);
    if (!store) {
      store = provider.open(container, connection);
      stores.set(id, store);
      store.catch(() => stores.delete(id));
    }
    return { store: await store, path, uri };
  };

  return Object.assign(open, {
    async close(): Promise<void> {
      const opened = await Promise.allSettled(stores.values());
      stores.clear();
      await Promise.all(
        opened.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)),
      );
    },
  });
}

/**
 * An address with a slash too few, or none at all, is no folder's name: an export to `s3:/bucket` would succeed on this machine.
 * @throws SluiceError BAD_URI
 */
function refuseMistyped(uri: string, providers: readonly StoreProvider[]): void {
  if (uri.trim() === '') {
    throw new SluiceError(
      'BAD_URI',
      'An address is empty (a variable that is not set?). Write . for the current folder.',
    );
  }
  const [, scheme = '', sign, rest] = /^([a-z][a-z0-9+.-]*)(:(?!\/\/)|\/\/)\/*(.*)$/i.exec(uri) ?? [];
  if (sign === undefined || (sign === ':' && /^file$/i.test(scheme))) return;
  if (sign === '//' && !schemeTaken(providers, scheme.toLowerCase())) return;
  throw new SluiceError(
    'BAD_URI',
    `${uri} is neither an address nor plainly a folder. Write ${scheme}://${rest}, or ./${uri} for a folder of that name.`,
  );
}

/** A scheme of the user's own (minio://, s3a1://) is opened by its connection's type. */
function schemeTaken(providers: readonly StoreProvider[], scheme: string): boolean {
  return providers.some((provider) => provider.schemes.includes(scheme));
}
