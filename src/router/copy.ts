import { createHash, type Hash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { isError } from '../base/errors.ts';
import { checkMd5 } from '../stores/body.ts';
import { propertiesOf } from '../stores/properties.ts';
import type { CopyOptions, ObjectInfo, Store } from '../stores/store.ts';

/** An object in a target. */
export interface Place {
  store: Store;
  key: string;
}

/**
 * Copies an object between two targets: inside the provider where that works and is allowed, else through
 * this process with bounded memory. What arrived is held to the source's size and MD5.
 * @throws NOT_FOUND (source), PRECONDITION_FAILED, CORRUPT
 */
export async function copyObject(from: Place, to: Place, options: CopyOptions = {}): Promise<ObjectInfo> {
  if (to.store.canCopyFrom(from.store)) {
    try {
      return await to.store.copyFrom(from.store, from.key, to.key, options);
    } catch (error) {
      // The provider takes the two sides for one account's, and these credentials reach one of them only.
      if (from.store === to.store || !isError(error, 'ACCESS_DENIED', 'UNSUPPORTED')) throw error;
    }
  }
  return streamObject(from, to, options);
}

async function streamObject(from: Place, to: Place, options: CopyOptions): Promise<ObjectInfo> {
  const { sourceIfMatch, ifNoneMatch, modified, signal } = options;
  const first = await from.store.get(from.key, { ifMatch: sourceIfMatch, signal });
  const source = first.info;
  let unread: Readable | undefined = first.body;
  let hash: Hash | undefined;
  const body = async (): Promise<Readable> => {
    const content =
      unread ?? (await from.store.get(from.key, { ifMatch: sourceIfMatch ?? source.etag, signal })).body;
    unread = undefined;
    const attempt = createHash('md5');
    hash = attempt;
    const hashed = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        attempt.update(chunk);
        done(null, chunk);
      },
    });
    return pipeline(content, hashed, () => {});
  };
  // Classes of storage are named differently by each provider.
  const { storageClass: _, ...properties } = propertiesOf(source);
  try {
    const written = await to.store.put(to.key, body, {
      ...properties,
      ...propertiesOf(options),
      size: source.size,
      md5: source.md5,
      ifNoneMatch,
      modified,
      signal,
    });
    if (written.md5 !== undefined && hash) {
      checkMd5({ store: to.store.name, key: to.key }, hash.digest('hex'), written.md5);
    }
    return written;
  } finally {
    unread?.destroy();
  }
}
