import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isError, type SluiceError } from '../../base/errors.ts';
import { checkedChunks, checkMd5, collected } from '../../stores/body.ts';
import { StoreError } from '../../stores/errors.ts';
import type { OpenStore } from '../../stores/open.ts';
import type { Body, ObjectProperties, PutOptions } from '../../stores/store.ts';
import { parsePhysicalAddress } from '../client/address.ts';
import type { LakeClient } from '../client/client.ts';
import type { LakeEntry } from '../client/entry.ts';
import { keptMetadata } from './properties.ts';

/** The branch and path that are written. */
export interface Target {
  client: LakeClient;
  repository: string;
  branch: string;
  path: string;
  /** `lakefs://repository/branch`, for errors. */
  store: string;
}

/** What goes over one HTTP request of an object store, at most. */
export const MAX_SINGLE_PUT = 5 * 1024 ** 3;

/**
 * Writes through lakeFS. A body that turns out to be wrong is cut off before its last chunk, so that lakeFS
 * never takes it for whole.
 */
export async function putThrough(target: Target, body: Body, options: PutOptions): Promise<LakeEntry> {
  const { client, repository, branch, path } = target;
  const at = { store: target.store, key: path };
  const { hash, body: checked } = await checkedBody(at, body, options);
  const entry = await client.upload(repository, branch, path, checked, {
    ...keptProperties(options),
    size: checked instanceof Uint8Array ? undefined : options.size,
    ifNoneMatch: options.ifNoneMatch,
    signal: options.signal,
  });
  checkArrived(at, entry.checksum, hash());
  return entry;
}

/** Writes straight into the object store by a presigned address, then links. Needs the size. */
export async function putPresigned(target: Target, body: Body, options: PutOptions): Promise<LakeEntry> {
  const { client, repository, branch, path } = target;
  const { signal } = options;
  const at = { store: target.store, key: path };
  const staging = await client.stagingLocation(repository, branch, path, { presign: true, signal });
  const { hash, body: checked } = await checkedBody(at, body, options);
  const size = checked instanceof Uint8Array ? checked.byteLength : options.size!;
  const etag = await client.putPresigned(staging, checked, at, { size, signal });
  const checksum = hash();
  checkArrived(at, etag, checksum);
  const object = { staging, checksum, size, ...keptProperties(options) };
  return client.link(repository, branch, path, object, { ifNoneMatch: options.ifNoneMatch, signal });
}

/** Writes straight into the object store with credentials of our own, then links. */
export async function putDirect(
  target: Target,
  open: OpenStore,
  body: Body,
  options: PutOptions,
): Promise<LakeEntry> {
  const { client, repository, branch, path } = target;
  const { signal } = options;
  const staging = await client.stagingLocation(repository, branch, path, { signal });
  const address = parsePhysicalAddress(staging.physical_address ?? '');
  if (!address) {
    throw new StoreError(
      'UNSUPPORTED',
      `${target.store} keeps its objects in a store that Sluice cannot write to directly.`,
      { store: target.store, key: path },
    );
  }
  const location = await open(address.uri);
  const at = { store: target.store, key: path };
  const { hash, body: checked } = await checkedBody(at, body, options);
  const written = await location.store.put(location.path, checked, {
    contentType: options.contentType,
    size: options.size,
    signal,
  });
  const checksum = hash();
  const object = { staging, checksum, size: written.size, ...keptProperties(options) };
  return client.link(repository, branch, path, object, { ifNoneMatch: options.ifNoneMatch, signal });
}

/** What lakeFS keeps with an object. */
export function keptProperties(options: ObjectProperties): {
  contentType: string;
  metadata: Record<string, string>;
} {
  return { contentType: options.contentType ?? 'application/octet-stream', metadata: keptMetadata(options) };
}

/** The body with its checks in it; `hash` gives the MD5 of what passed when all of it has. */
export async function checkedBody(
  at: { store: string; key: string },
  body: Body,
  options: { size?: number; md5?: string; signal?: AbortSignal },
): Promise<{ body: Uint8Array | (() => Promise<Readable>); hash: () => string }> {
  const { size, md5, signal } = options;
  if (body instanceof Uint8Array) {
    const bytes = await collected(body, { size, md5, signal }, at);
    return { body: bytes, hash: () => md5?.toLowerCase() ?? createHash('md5').update(bytes).digest('hex') };
  }
  let hash = createHash('md5');
  let opened = 0;
  const open = async (): Promise<Readable> => {
    const again = typeof body === 'function';
    if (opened++ > 0 && !again) throw unrepeatable(at);
    hash = createHash('md5');
    const chunks = heldBack(checkedChunks(body, { size, md5, signal, hash }, at));
    return Readable.from(
      told(chunks, at, (error) => again && (opened < 2 || error.code !== 'CORRUPT')),
      {
        objectMode: false,
      },
    );
  };
  return { body: open, hash: () => hash.copy().digest('hex') };
}

/** Marks a failure of the source as one that trying again does not mend, where that is so. */
async function* told(
  chunks: AsyncIterable<Buffer>,
  at: { store: string; key: string },
  mends: (error: SluiceError) => boolean,
): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    if (!isError(error) || !error.retryable || mends(error)) throw error;
    throw new StoreError(error.code, error.message, { ...at, retryable: false, cause: error });
  }
}

function unrepeatable(at: { store: string; key: string }): StoreError {
  return new StoreError(
    'CONNECTION',
    `Writing ${at.key} to ${at.store} broke, and its source cannot be read again.`,
    { ...at, retryable: false },
  );
}

/** Gives each chunk when the next one is there, so that the last goes out only after every check. */
async function* heldBack(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer | undefined;
  for await (const chunk of chunks) {
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held;
}

/** A store's tag that is an MD5 must be that of the bytes that were sent. */
export function checkArrived(at: { store: string; key: string }, tag: string, sent: string): void {
  if (/^[0-9a-f]{32}$/i.test(tag)) checkMd5(at, tag, sent);
}
