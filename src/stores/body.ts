import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { canceled, checkSignal } from './checks.ts';
import { StoreError } from './errors.ts';
import { asBuffer, bytesStream } from './read.ts';
import { delayBefore, pause, type RetryPolicy } from './retry.ts';
import type { Body } from './store.ts';

/** What a body is held to while it passes. */
export interface BodyChecks {
  /** Bytes. */
  size?: number;
  /** Hex. */
  md5?: string;
  signal?: AbortSignal;
  /** Is given every chunk; use it for an MD5 that is wanted anyway. */
  hash?: Hash;
}

/** Opens a body as a stream; a function is called once. */
export async function openBody(body: Body): Promise<Readable> {
  if (body instanceof Uint8Array) return bytesStream(body);
  return typeof body === 'function' ? await body() : body;
}

/** The number of bytes where it is known without reading. */
export function bodySize(body: Body, size: number | undefined): number | undefined {
  return body instanceof Uint8Array ? body.byteLength : size;
}

/**
 * The chunks of a body, once. Ends with CORRUPT when they are not `size` bytes or have another `md5`, with
 * CANCELED when the signal fires (the source is destroyed then, and when the reader stops early), and with
 * the source's own error when that fails.
 */
export async function* checkedChunks(
  body: Body,
  checks: BodyChecks,
  at: { store: string; key: string },
): AsyncGenerator<Buffer, void, undefined> {
  const { signal, size } = checks;
  if (signal?.aborted && body instanceof Readable) body.destroy();
  checkSignal({ name: at.store }, signal);
  const hash = checks.md5 === undefined ? checks.hash : (checks.hash ?? createHash('md5'));
  const stream = await openBody(body);
  const stop = () => stream.destroy(canceled(at.store, signal));
  signal?.addEventListener('abort', stop, { once: true });
  let seen = 0;
  try {
    checkSignal({ name: at.store }, signal);
    for await (const part of stream) {
      const chunk: Buffer = typeof part === 'string' ? Buffer.from(part) : asBuffer(part as Uint8Array);
      seen += chunk.length;
      if (size !== undefined && seen > size) throw wrongSize(at, size, `more than ${size}`);
      hash?.update(chunk);
      if (chunk.length > 0) yield chunk;
    }
    checkSignal({ name: at.store }, signal);
  } finally {
    signal?.removeEventListener('abort', stop);
    if (!stream.destroyed) stream.destroy();
  }
  if (size !== undefined && seen !== size) throw wrongSize(at, size, String(seen));
  if (checks.md5 !== undefined) checkMd5(at, checks.md5, hash!.copy().digest('hex'));
}

/**
 * Writes a body, again from its start where a source that can be opened again broke. What failed on the way
 * to the store is for `write` itself to repeat.
 */
export async function repeated<T>(
  body: Body,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  write: (body: Body) => Promise<T>,
): Promise<T> {
  if (typeof body !== 'function') return write(body);
  const started = performance.now();
  for (let attempt = 1; ; attempt++) {
    let broken: unknown;
    const noted = (error: unknown) => {
      broken ??= error;
    };
    try {
      return await write(async () => {
        try {
          return (await body()).once('error', noted);
        } catch (error) {
          noted(error);
          throw error;
        }
      });
    } catch (error) {
      const delay =
        broken === error
          ? delayBefore(error, attempt, performance.now() - started, policy, signal)
          : undefined;
      if (delay === undefined) throw error;
      await pause(delay, signal);
    }
  }
}

/** A whole body in memory, checked as `checkedChunks` does; bytes that were given are not copied. */
export async function collected(
  body: Body,
  checks: BodyChecks,
  at: { store: string; key: string },
): Promise<Buffer> {
  if (!(body instanceof Uint8Array)) {
    const chunks: Buffer[] = [];
    for await (const chunk of checkedChunks(body, checks, at)) chunks.push(chunk);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }
  checkSignal({ name: at.store }, checks.signal);
  const bytes = asBuffer(body);
  if (checks.size !== undefined && bytes.length !== checks.size) {
    throw wrongSize(at, checks.size, String(bytes.length));
  }
  checks.hash?.update(bytes);
  if (checks.md5 !== undefined) {
    const found = checks.hash ? checks.hash.copy() : createHash('md5').update(bytes);
    checkMd5(at, checks.md5, found.digest('hex'));
  }
  return bytes;
}

/** @throws StoreError CORRUPT when the two differ */
export function checkMd5(at: { store: string; key: string }, promised: string, found: string): void {
  if (promised.toLowerCase() === found) return;
  throw new StoreError(
    'CORRUPT',
    `The bytes for ${at.key} have the MD5 ${found}, but ${promised} was promised; nothing was written to ${at.store}.`,
    at,
  );
}

function wrongSize(at: { store: string; key: string }, size: number, came: string): StoreError {
  return new StoreError(
    'CORRUPT',
    `${size} bytes were promised for ${at.key} and ${came} came; nothing was written to ${at.store}.`,
    at,
  );
}
