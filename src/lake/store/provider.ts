import { isError, SluiceError } from '../../base/errors.ts';
import type { OpenStore, StoreProvider } from '../../stores/open.ts';
import { parseLakeUri } from '../client/address.ts';
import type { LakeClient } from '../client/client.ts';
import { parseLakefsConnection } from '../client/connection.ts';
import { openS3Gateway } from './multipart/s3-gateway.ts';
import type { LakeStoreOptions } from './store.ts';

const WAYS = ['auto', 'api', 'presign', 'store'] as const;

/**
 * `lakefs://repository/ref/path`: the Store is the ref. A connection's `via` (auto, api, presign, store) says
 * how bytes go.
 * @param open opens the buckets that objects lie in, for `via: store`
 */
export function lakefsProviderWith(open?: OpenStore): StoreProvider {
  return {
    schemes: ['lakefs'],
    connectionTypes: ['lakefs'],
    locate(uri) {
      const { repository, ref, path } = parseLakeUri(uri);
      return { container: `${repository}/${ref}`, path };
    },
    async open(container, connection) {
      const [repository, ref] = container.split('/') as [string, string];
      // The HTTP client takes a third of a second to load, which commands without a lake need not wait for.
      const [{ LakeClient }, { LakeStore }] = await Promise.all([
        import('../client/client.ts'),
        import('./store.ts'),
      ]);
      const lakefs = parseLakefsConnection(connection);
      const client = new LakeClient(lakefs);
      const via = wayOf(connection?.via, connection?.name);
      return new LakeStore(client, repository, ref, {
        via,
        open,
        openGateway: () => openS3Gateway(lakefs, repository),
        writable: await isBranch(client, repository, ref),
      });
    },
  };
}

export const lakefsProvider: StoreProvider = lakefsProviderWith();

/** What is no branch may be a tag, a commit or nothing: reading tells. */
async function isBranch(client: LakeClient, repository: string, ref: string): Promise<boolean> {
  if (!/^[a-zA-Z0-9_][a-zA-Z0-9_-]*$/.test(ref)) return false;
  try {
    await client.branch(repository, ref);
    return true;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

function wayOf(via: unknown, name: string | undefined): LakeStoreOptions['via'] {
  if (via === undefined) return 'auto';
  const way = WAYS.find((each) => each === via);
  if (way) return way;
  throw new SluiceError('BAD_CONFIG', `"via" of connection "${name}" must be one of ${WAYS.join(', ')}.`);
}
