import { isError } from '../../base/errors.ts';
import type { Location } from '../../stores/open.ts';
import { readAll } from '../../stores/read.ts';
import type { LakeReader } from '../client/reader.ts';

/** Where the SSTables of committed metadata come from. */
export interface MetadataSource {
  /** The whole bytes of a metarange or a range. @throws SluiceError NOT_FOUND, ACCESS_DENIED … */
  read(type: 'meta_range' | 'range', id: string, signal?: AbortSignal): Promise<Buffer>;
}

/**
 * Reads through lakeFS's metadata API: from the object store by presigned address where that works.
 * @param presign whether lakeFS hands out such addresses; it is asked when this is not known
 */
export function apiMetadata(client: LakeReader, repository: string, presign?: boolean): MetadataSource {
  return {
    async read(type, id, signal) {
      presign ??= (await client.storageConfig()).pre_sign_support;
      if (presign) {
        try {
          return await client.metadataObject(repository, type, id, { presign, signal });
        } catch (error) {
          if (isError(error, 'CANCELED', 'NOT_FOUND')) throw error;
          // The object store may be out of reach from here; lakeFS itself is not.
          presign = false;
        }
      }
      return client.metadataObject(repository, type, id, { signal });
    },
  };
}

/** Reads from the bucket itself. @param namespace the repository's storage namespace, opened */
export function storeMetadata(namespace: Location): MetadataSource {
  const folder =
    namespace.path === '' || namespace.path.endsWith('/') ? namespace.path : `${namespace.path}/`;
  return {
    async read(_type, id, signal) {
      const { info, body } = await namespace.store.get(`${folder}_lakefs/${id}`, { signal });
      return readAll(body, info.size);
    },
  };
}
