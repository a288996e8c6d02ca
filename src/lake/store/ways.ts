import type { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { StoreError } from '../../stores/errors.ts';
import type { OpenStore } from '../../stores/open.ts';
import { parsePhysicalAddress } from '../client/address.ts';
import type { LakeClient } from '../client/client.ts';
import type { LakeEntry } from '../client/entry.ts';

/** How bytes go: `api` through lakeFS, `presign` by presigned address, `store` with credentials for the bucket. */
export type Way = 'api' | 'presign' | 'store';

/** What a ref's bytes are reached by. */
export interface Reach {
  client: LakeClient;
  repository: string;
  ref: string;
  /** `lakefs://repository/ref` */
  name: string;
  via: Way | 'auto';
  open?: OpenStore | undefined;
  /** Whether the server presigns and the object store is in reach; undefined until it is known. */
  presignWorks?: boolean;
  /** A put by presigned address was refused, or did not get there. */
  putsClosed?: boolean;
}

/** What opens the entry's bytes from a start up to the end that was asked for, by the best way that works. */
export function entryOpener(
  reach: Reach,
  entry: LakeEntry,
  way: Way,
  end: number,
  signal?: AbortSignal,
): (start: number) => Promise<Readable> {
  const { client, repository, ref, name } = reach;
  const key = entry.path;
  let first: LakeEntry | undefined = entry;
  const whole = (start: number) => start === 0 && end === entry.size - 1;
  const rangeOf = (start: number) => (whole(start) ? undefined : { start, end });
  const throughLakefs = async (start: number): Promise<Readable> => {
    const content = await client.get(repository, ref, key, { range: rangeOf(start), signal });
    if (content.etag !== undefined && content.etag !== entry.checksum) {
      content.body.destroy();
      throw changed(name, key);
    }
    return content.body;
  };
  const presigned = async (start: number): Promise<Readable> => {
    // An address that broke once may have run out: every further try gets its own.
    const now = first ?? (await client.stat(repository, ref, key, { presign: true, signal }));
    first = undefined;
    if (now.checksum !== entry.checksum) throw changed(name, key);
    if (now.presignedUrl === undefined) return throughLakefs(start);
    const options = { range: rangeOf(start), signal };
    return (await client.getPresigned(now.presignedUrl, { store: name, key }, options)).body;
  };
  const direct = async (start: number): Promise<Readable> => {
    const uri = parsePhysicalAddress(entry.physicalAddress)?.uri ?? entry.physicalAddress;
    const { store, path } = await reach.open!(uri);
    return (await store.get(path, { range: rangeOf(start), signal })).body;
  };
  if (way === 'api') return throughLakefs;
  if (way === 'store') return direct;
  return async (start) => {
    if (reach.via === 'auto' && reach.presignWorks === false) return throughLakefs(start);
    try {
      return await presigned(start);
    } catch (error) {
      if (reach.via !== 'auto' || !isClosedWay(error)) throw error;
      // The object store is not in reach from here.
      if (isError(error, 'CONNECTION', 'TIMEOUT')) reach.presignWorks = false;
      return throughLakefs(start);
    }
  };
}

/** Whether another way of reading is worth a try: this one is closed, the object itself is not the matter. */
export function isClosedWay(error: unknown): boolean {
  return isError(error, 'ACCESS_DENIED', 'UNSUPPORTED', 'CONNECTION', 'TIMEOUT', 'NOT_FOUND', 'UNAVAILABLE');
}

/** An object is not the one it was. */
export function changed(store: string, key: string): StoreError {
  return new StoreError('PRECONDITION_FAILED', `${key} in ${store} is not the object it was.`, {
    store,
    key,
  });
}
