import type { PassThrough, Readable } from 'node:stream';
import { propertiesOf } from '../../stores/properties.ts';
import type { ObjectInfo, Store } from '../../stores/store.ts';

/**
 * Replaces an object by itself and what follows. The bytes that are there are copied by the store where it can
 * and they are enough for a part, else read and sent again; readers see the old object or the new one.
 * @param store one with multipart uploads
 * @param info the object as it was when the appending began; another since then is PRECONDITION_FAILED
 */
export async function appendTo(store: Store, info: ObjectInfo, more: PassThrough): Promise<ObjectInfo> {
  const multipart = store.multipart!;
  const { key, size, etag } = info;
  const uploadId = await multipart.create(key, propertiesOf(info));
  try {
    const parts: { partNumber: number; etag: string }[] = [];
    const copies = multipart.copyPart !== undefined && size >= multipart.minPartSize;
    const pieces = !copies ? 0 : Math.ceil(size / multipart.maxPartSize);
    for (let i = 0; i < pieces; i++) {
      const range = {
        start: Math.floor((size * i) / pieces),
        end: Math.floor((size * (i + 1)) / pieces) - 1,
      };
      const options = { range, sourceIfMatch: etag };
      parts.push(await multipart.copyPart!(key, uploadId, i + 1, store, key, options));
    }
    const first = pieces === 0 && size > 0 ? (await store.get(key, { ifMatch: etag })).body : undefined;
    const partSize = Math.min(
      Math.max(multipart.minPartSize, Math.ceil((size * 2) / multipart.maxParts), 8 * 1024 * 1024),
      multipart.maxPartSize,
    );
    for await (const part of inParts(first, more, partSize)) {
      const partNumber = parts.length + 1;
      parts.push(await multipart.uploadPart(key, uploadId, partNumber, part, { size: part.length }));
    }
    if (parts.length === 0) parts.push(await multipart.uploadPart(key, uploadId, 1, Buffer.alloc(0)));
    const ifMatch = store.capabilities.putIfMatch ? etag : undefined;
    return await multipart.complete(key, uploadId, parts, { ifMatch });
  } catch (error) {
    await multipart.abort(key, uploadId).catch(() => {});
    throw error;
  }
}

async function* inParts(first: Readable | undefined, more: Readable, size: number): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let held = 0;
  for (const source of first ? [first, more] : [more]) {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      held += chunk.length;
      while (held >= size) {
        const all = Buffer.concat(chunks, held);
        yield all.subarray(0, size);
        chunks = [all.subarray(size)];
        held -= size;
      }
    }
  }
  if (held > 0) yield Buffer.concat(chunks, held);
}
