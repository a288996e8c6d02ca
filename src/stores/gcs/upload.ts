import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { checkedChunks, repeated } from '../body.ts';
import { Chunks } from '../chunks.ts';
import { StoreError } from '../errors.ts';
import { delayBefore, pause } from '../retry.ts';
import type { Body, ObjectInfo, PutOptions } from '../store.ts';
import type { GcsClient } from './client.ts';
import type { Asked } from './errors.ts';
import { base64, type GcsObject, generationOf, hex, infoOf, OBJECT_FIELDS, resourceOf } from './info.ts';

/**
 * Writes an object: what fits into one chunk in one request (multipart/related: properties and bytes), more
 * by a resumable upload of chunks in order, each repeated where its connection breaks. Nothing is visible
 * until the last chunk is there, which is not sent before the whole body is known to be right.
 */
export async function upload(
  client: GcsClient,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const { retry: policy } = client.settings;
  const { signal } = options;
  const started = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await repeated(body, policy, signal, (source) => uploadOnce(client, key, source, options));
    } catch (error) {
      // Only a body that can be read twice can be sent twice.
      const again = error instanceof StartAgain && !(body instanceof Readable);
      const delay = again
        ? delayBefore(error, attempt, performance.now() - started, policy, signal)
        : undefined;
      if (delay === undefined) throw error;
      await pause(delay, signal);
    }
  }
}

/** The upload came to nothing at Google's side: bytes arrived wrong, or it was forgotten. */
class StartAgain extends StoreError {}

async function uploadOnce(
  client: GcsClient,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const hash = createHash('md5');
  const chunks = new Chunks(
    checkedChunks(body, { ...options, hash }, { store: client.name, key }),
    client.settings.chunkSize,
  );
  try {
    const first = await chunks.next();
    const md5 = () => hash.copy().digest('hex');
    if (chunks.ended) return await putOnce(client, key, first, md5(), options);
    return await putChunks(client, key, first, chunks, md5, options);
  } finally {
    await chunks.close();
  }
}

/** Conditions on what is there, as a query. */
export function conditionOf(options: { ifNoneMatch?: '*'; ifMatch?: string }): {
  ifGenerationMatch?: string;
} {
  if (options.ifNoneMatch !== undefined) return { ifGenerationMatch: '0' };
  return options.ifMatch === undefined ? {} : { ifGenerationMatch: generationOf(options.ifMatch) };
}

function query(client: GcsClient, kind: string, options: PutOptions, name?: string): string {
  const values = new URLSearchParams({ uploadType: kind, fields: OBJECT_FIELDS, ...conditionOf(options) });
  if (name !== undefined) values.set('name', name);
  return `/upload/storage/v1/b/${encodeURIComponent(client.bucket)}/o?${values}`;
}

function describe(client: GcsClient, key: string, options: PutOptions): Partial<GcsObject> {
  const resource = { name: key, ...resourceOf(options, client.settings.storageClass) };
  if (options.checksums?.crc32c !== undefined) resource.crc32c = options.checksums.crc32c;
  return resource;
}

async function putOnce(
  client: GcsClient,
  key: string,
  bytes: Buffer,
  md5: string,
  options: PutOptions,
): Promise<ObjectInfo> {
  const boundary = `sluice-${randomUUID()}`;
  const resource = { ...describe(client, key, options), md5Hash: base64(md5) };
  const type = options.contentType ?? 'application/octet-stream';
  const head = `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
  const object = await client.json<GcsObject>({
    store: client.name,
    action: 'write',
    key,
    signal: options.signal,
    method: 'POST',
    path: query(client, 'multipart', options),
    headers: { 'content-type': `multipart/related; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)]),
  });
  return checked(client, key, object, bytes.length, md5);
}

async function putChunks(
  client: GcsClient,
  key: string,
  first: Buffer,
  chunks: Chunks,
  md5: () => string,
  options: PutOptions,
): Promise<ObjectInfo> {
  const asked = { store: client.name, action: 'write', key, signal: options.signal };
  const resource = describe(client, key, options);
  if (options.md5 !== undefined) resource.md5Hash = base64(options.md5);
  const { headers } = await client.send({
    ...asked,
    method: 'POST',
    path: query(client, 'resumable', options, key),
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'x-upload-content-type': options.contentType ?? 'application/octet-stream',
    },
    body: JSON.stringify(resource),
  });
  const session = pathOf(String(headers.location ?? ''));
  if (session === undefined) {
    throw new StoreError('PROTOCOL', `${client.name} began an upload of ${key} without an address.`, asked);
  }
  try {
    let offset = 0;
    for (let chunk = first; ; chunk = await chunks.next()) {
      const last = chunks.ended;
      const object = await sendChunk(client, asked, session, chunk, offset, last);
      offset += chunk.length;
      if (object) return await checked(client, key, object, offset, md5());
      if (last) throw new StoreError('PROTOCOL', `${client.name} did not end the upload of ${key}.`, asked);
    }
  } catch (error) {
    // Google forgets an unfinished upload in a week; asking is only a courtesy.
    const forget = { ...asked, signal: undefined, method: 'DELETE' as const, path: session, accept: [499] };
    await client.send(forget).catch(() => undefined);
    throw error;
  }
}

/**
 * Sends one chunk. After an attempt that broke, Google is asked how much of it has arrived, and only the rest
 * is sent ("Resumable uploads", "Resume an interrupted upload").
 * @returns the object, when this was the last chunk
 */
async function sendChunk(
  client: GcsClient,
  asked: Asked,
  session: string,
  chunk: Buffer,
  offset: number,
  last: boolean,
): Promise<GcsObject | undefined> {
  const end = offset + chunk.length;
  const total = last ? String(end) : '*';
  const put = (range: string, body: Buffer) =>
    client.send({
      ...asked,
      method: 'PUT',
      path: session,
      headers: { 'content-range': `bytes ${range}` },
      body,
      accept: [308],
      once: true,
    });
  const started = performance.now();
  let broken = false;
  for (let attempt = 1, at = offset; ; ) {
    try {
      const answer = broken
        ? await put('*/*', chunk.subarray(0, 0))
        : await put(at < end ? `${at}-${end - 1}/${total}` : `*/${total}`, chunk.subarray(at - offset));
      if (answer.status !== 308) return JSON.parse(answer.body.toString()) as GcsObject;
      at = Number(/^bytes=0-(\d+)$/.exec(String(answer.headers.range))?.[1] ?? -1) + 1;
      if (at < offset || at > end) {
        throw new StoreError('PROTOCOL', `${client.name} has other bytes of ${asked.key} than were sent.`, {
          store: client.name,
          key: asked.key,
        });
      }
      if (at === end && !last) return undefined;
      broken = false;
    } catch (error) {
      if (isError(error) && (error.status === 404 || error.status === 410)) {
        throw new StartAgain('UNAVAILABLE', `${client.name} has forgotten the upload of ${asked.key}.`, {
          store: client.name,
          key: asked.key,
          cause: error,
        });
      }
      const delay = delayBefore(
        error,
        attempt++,
        performance.now() - started,
        client.settings.retry,
        asked.signal,
      );
      if (delay === undefined) throw error;
      await pause(delay, asked.signal);
      broken = true;
    }
  }
}

/** Holds what Google has against what was sent. */
async function checked(
  client: GcsClient,
  key: string,
  object: GcsObject,
  size: number,
  md5: string,
): Promise<ObjectInfo> {
  const right = Number(object.size) === size && (!object.md5Hash || hex(object.md5Hash) === md5);
  if (right) return infoOf({ ...object, name: key });
  const asked = { store: client.name, action: 'remove', key };
  await client.send({
    ...asked,
    method: 'DELETE',
    path: `${client.object(key)}?ifGenerationMatch=${object.generation}`,
  });
  throw new StartAgain(
    'CORRUPT',
    `${client.name} received other bytes for ${key} than were sent; they were removed again.`,
    asked,
  );
}

/** Sessions have addresses of their own; they stay at the endpoint that was asked. */
function pathOf(location: string): string | undefined {
  if (!URL.canParse(location)) return undefined;
  const { pathname, search } = new URL(location);
  return pathname + search;
}
