import { createHash } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { ObjectInfo, ObjectProperties, Store } from '../../stores/store.ts';

const PART_SIZE = 16 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

export interface LargeObject {
  key: string;
  /** Bytes. */
  size: number;
  /** Hex MD5 of the whole, where known. */
  md5?: string;
  properties: ObjectProperties;
  /** Reads one range, both ends included. */
  read(start: number, end: number): Promise<Buffer>;
  /** Waits for the bandwidth limit. */
  pass(bytes: number): Promise<void>;
  signal?: AbortSignal;
}

/**
 * Writes one large object in parts that are read and uploaded side by side, hashed in order on their way; at
 * most PARTS_AT_ONCE parts are in memory. An upload that fails leaves nothing.
 * @throws SluiceError CORRUPT when the bytes are not those of `md5`
 */
export async function putLarge(store: Store, object: LargeObject): Promise<ObjectInfo> {
  const multipart = store.multipart!;
  const partSize = Math.max(
    PART_SIZE,
    multipart.minPartSize,
    roundUp(Math.ceil(object.size / multipart.maxParts), 1 << 20),
  );
  const count = Math.ceil(object.size / partSize);
  const uploadId = await multipart.create(object.key, { ...object.properties, signal: object.signal });
  const hash = object.md5 === undefined ? undefined : createHash('md5');
  const etags: { partNumber: number; etag: string }[] = new Array(count);
  let next = 0;
  let failed = false;
  // Each part is hashed when the part before it was: a chain of promises, one link a part.
  const hashed: Promise<void>[] = [Promise.resolve()];
  const links: (() => void)[] = [];
  for (let i = 0; i < count; i++) hashed.push(new Promise((resolve) => links.push(resolve)));

  const worker = async (): Promise<void> => {
    while (!failed && next < count) {
      const index = next++;
      const start = index * partSize;
      const end = Math.min(start + partSize, object.size) - 1;
      try {
        await object.pass(end - start + 1);
        const bytes = await object.read(start, end);
        if (hash) {
          await hashed[index];
          if (failed) return;
          hash.update(bytes);
        }
        links[index]!();
        const part = await multipart.uploadPart(object.key, uploadId, index + 1, bytes, {
          size: bytes.length,
          signal: object.signal,
        });
        etags[index] = { partNumber: index + 1, etag: part.etag };
      } catch (error) {
        failed = true;
        for (const link of links) link();
        throw error;
      }
    }
  };

  try {
    const results = await Promise.allSettled(Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, worker));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (hash && hash.digest('hex') !== object.md5) {
      throw new SluiceError(
        'CORRUPT',
        `The bytes that came for ${object.key} are not those that the lake has a checksum of.`,
      );
    }
    return await multipart.complete(object.key, uploadId, etags, { signal: object.signal });
  } catch (error) {
    await multipart.abort(object.key, uploadId).catch(() => {});
    throw error;
  }
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
