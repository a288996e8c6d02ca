import { Readable } from 'node:stream';
import { SluiceError } from '../base/errors.ts';
import { canceled } from './checks.ts';
import { StoreError } from './errors.ts';
import type { ByteRange } from './store.ts';

const CHUNK = 64 * 1024;

/** A stream over bytes in memory, in chunks small enough for back-pressure to mean something. */
export function bytesStream(bytes: Uint8Array): Readable {
  const buffer = asBuffer(bytes);
  let at = 0;
  return new Readable({
    read() {
      if (at >= buffer.length) {
        this.push(null);
        return;
      }
      this.push(buffer.subarray(at, at + CHUNK));
      at += CHUNK;
    },
  });
}

/** The body of a `get`: fails with CANCELED when the signal fires before its end. */
export function cancelable(body: Readable, store: string, signal: AbortSignal | undefined): Readable {
  if (!signal) return body;
  const stop = () => body.destroy(canceled(store, signal));
  signal.addEventListener('abort', stop, { once: true });
  body.once('close', () => signal.removeEventListener('abort', stop));
  if (signal.aborted) stop();
  return body;
}

/**
 * Which bytes a range means in an object of this size; both ends included. No range gives undefined.
 * @throws StoreError RANGE_NOT_SATISFIABLE
 */
export function resolveRange(
  range: ByteRange | undefined,
  size: number,
  at: { store: string; key: string },
): { start: number; end: number } | undefined {
  if (!range) return undefined;
  const start = 'last' in range ? Math.max(0, size - range.last) : range.start;
  const end = 'last' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  const wanted = 'last' in range ? range.last > 0 : (range.end ?? start) >= start;
  if (wanted && start < size && start >= 0) return { start, end };
  throw new StoreError(
    'RANGE_NOT_SATISFIABLE',
    `${at.key} in ${at.store} has ${size} bytes; there is nothing at ${JSON.stringify(range)}.`,
    at,
  );
}

/**
 * Reads a whole stream into memory.
 * @param limit most bytes; more end it with TOO_LARGE
 */
export async function readAll(body: Readable, limit = 64 * 1024 * 1024): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    const chunk: Buffer = typeof part === 'string' ? Buffer.from(part) : asBuffer(part as Uint8Array);
    size += chunk.length;
    if (size > limit) {
      throw new SluiceError('TOO_LARGE', `More than ${limit} bytes came where at most that many belong.`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
