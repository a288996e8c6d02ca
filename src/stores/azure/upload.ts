import { createHash, randomBytes } from 'node:crypto';
import { checkedChunks, repeated } from '../body.ts';
import { Chunks } from '../chunks.ts';
import { StoreError } from '../errors.ts';
import type { Body, ObjectInfo, PutOptions } from '../store.ts';
import type { AzureClient } from './client.ts';
import { infoOf, writeOptions } from './info.ts';

const MAX_BLOCKS = 50_000;
const MAX_BLOCK = 4000 * 1024 * 1024;

/**
 * A block's id, 40 bytes for every block (Azure wants one length a blob): whose upload it is of (16), its
 * number, when it was made (milliseconds), its MD5.
 */
export function blockId(upload: Buffer, number: number, md5: Buffer, time = Date.now()): string {
  const id = Buffer.alloc(40);
  upload.copy(id);
  id.writeUInt16BE(number, 16);
  id.writeUIntBE(time, 18, 6);
  md5.copy(id, 24);
  return id.toString('base64');
}

/**
 * Writes a blob: what fits into one block in one request, more as blocks, several at once, each with its MD5.
 * Blocks become the blob when the whole body is known to be right; the MD5 of the whole is kept with it.
 */
export function upload(
  client: AzureClient,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const { retry } = client.settings;
  return repeated(body, retry, options.signal, (source) => uploadOnce(client, key, source, options));
}

async function uploadOnce(
  client: AzureClient,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const hash = createHash('md5');
  const size = body instanceof Uint8Array ? body.byteLength : options.size;
  const blockSize = Math.max(client.settings.blockSize, Math.ceil((size ?? 0) / MAX_BLOCKS));
  if (blockSize > MAX_BLOCK) {
    throw new StoreError('TOO_LARGE', `${key} has ${size} bytes; Azure takes ${MAX_BLOCKS * MAX_BLOCK}.`, {
      store: client.name,
      key,
    });
  }
  const checks = { size: options.size, md5: options.md5, signal: options.signal, hash };
  const chunks = new Chunks(checkedChunks(body, checks, { store: client.name, key }), blockSize);
  try {
    const first = await chunks.next();
    const md5 = () => hash.copy().digest('hex');
    if (chunks.ended) return await putOnce(client, key, first, md5(), options);
    return await putBlocks(client, key, first, chunks, md5, options);
  } finally {
    await chunks.close();
  }
}

async function putOnce(
  client: AzureClient,
  key: string,
  bytes: Buffer,
  md5: string,
  options: PutOptions,
): Promise<ObjectInfo> {
  const { signal } = options;
  const blob = await client.blob(key);
  const asked = { action: 'write', key, signal, sending: bytes.length };
  const written = await client.run(asked, async (abortSignal) => {
    const settings = writeOptions(options, md5, client.settings.accessTier);
    const answer = await blob.upload(bytes, bytes.length, { ...settings, abortSignal });
    // That of the bytes that came, which Azure need not hold against what it was told to keep as their MD5.
    const { contentMD5, etag } = answer;
    if (!contentMD5 || Buffer.from(contentMD5).toString('hex') === md5) return answer;
    await blob.deleteIfExists({ conditions: { ifMatch: etag! }, abortSignal });
    throw new StoreError(
      'CORRUPT',
      `${client.name} received other bytes for ${key} than were sent; they were removed again.`,
      { store: client.name, key },
    );
  });
  return infoOf(key, { ...written, contentLength: bytes.length, contentMD5: Buffer.from(md5, 'hex') });
}

async function putBlocks(
  client: AzureClient,
  key: string,
  first: Buffer,
  chunks: Chunks,
  md5: () => string,
  options: PutOptions,
): Promise<ObjectInfo> {
  const blob = await client.blob(key);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const uploadId = randomBytes(16);
  const ids: string[] = [];
  const sending = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let size = 0;
  try {
    for (let chunk = first; chunk.length > 0; chunk = await chunks.next()) {
      const hash = createHash('md5').update(chunk).digest();
      const id = blockId(uploadId, ids.push('') % 65_536, hash);
      ids[ids.length - 1] = id;
      size += chunk.length;
      const sent = client
        .run({ action: 'write', key, signal, sending: chunk.length }, (abortSignal) =>
          blob.stageBlock(id, chunk, chunk.length, { transactionalContentMD5: hash, abortSignal }),
        )
        .then(
          () => undefined,
          (error) => {
            failure ??= { error };
          },
        )
        .finally(() => sending.delete(sent));
      sending.add(sent);
      if (sending.size >= client.settings.blockConcurrency) await Promise.race(sending);
      if (failure) throw failure.error;
      if (chunks.ended) break;
    }
    await Promise.all(sending);
    if (failure) throw failure.error;
  } catch (error) {
    stop.abort();
    await Promise.all(sending);
    throw error;
  }
  const whole = md5();
  const written = await client.run({ action: 'write', key, signal: options.signal }, (abortSignal) =>
    blob.commitBlockList(ids, {
      ...writeOptions(options, whole, client.settings.accessTier),
      abortSignal,
    }),
  );
  return infoOf(key, { ...written, contentLength: size, contentMD5: Buffer.from(whole, 'hex') });
}
