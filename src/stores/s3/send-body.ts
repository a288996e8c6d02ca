import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { bodySize } from '../body.ts';
import { canceled } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { asBuffer } from '../read.ts';
import { retry } from '../retry.ts';
import type { Body } from '../store.ts';
import type { S3Client, S3Request } from './client.ts';
import type { Answer } from './exchange.ts';
import { OnceStream } from './once.ts';

/** Bodies up to this go in one write, and can be sent again whatever they came from. */
const SMALL = 1024 * 1024;

/**
 * Sends a request with a body of known size. Bytes, functions and small streams are sent again when an
 * attempt breaks; a large stream only while little of it was taken.
 * @throws StoreError CORRUPT when the body has more or fewer bytes than `size`, and the source's own error
 */
export async function sendBody(
  client: S3Client,
  request: S3Request & { key: string },
  body: Body,
  size: number | undefined,
): Promise<{ answer: Answer; size: number }> {
  const bytes = bodySize(body, body instanceof Uint8Array ? undefined : size);
  if (bytes === undefined) {
    throw new StoreError('BAD_SPEC', `${client.name} needs to know the size of ${request.key} beforehand.`, {
      store: client.name,
      key: request.key,
    });
  }
  if (body instanceof Uint8Array) {
    if (size !== undefined && size !== bytes) throw wrongSize(request, size, bytes);
    request.body = asBuffer(body);
    return { answer: await client.send(request), size: bytes };
  }
  if (bytes <= SMALL) {
    request.body =
      typeof body === 'function'
        ? await retry(async () => collect(await body(), bytes, request), {
            policy: client.settings.retry,
            signal: request.signal,
          })
        : await collect(body, bytes, request);
    return { answer: await client.send(request), size: bytes };
  }
  request.size = bytes;
  if (typeof body === 'function') {
    request.body = body;
    return { answer: await client.send(request), size: bytes };
  }
  const once = new OnceStream(body);
  request.body = async () => once.open();
  request.repeatable = () => once.repeatable;
  try {
    return { answer: await client.send(request), size: bytes };
  } finally {
    once.close();
  }
}

/** Has the store refuse bytes with another MD5. Bytes that never had it are not sent again. @param md5 hex */
export function promiseMd5(request: S3Request, md5: string): void {
  request.headers ??= [];
  request.headers.push('content-md5', Buffer.from(md5, 'hex').toString('base64'));
  request.repeatable = () => !Buffer.isBuffer(request.body) || md5Of(request.body) === md5.toLowerCase();
}

export function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** All bytes of a small stream; listens to events, which costs less than iterating. */
function collect(stream: Readable, size: number, request: S3Request & { key: string }): Promise<Buffer> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let seen = 0;
    const stop = () => {
      stream.destroy();
      reject(canceled(request.store, signal));
    };
    stream.on('data', (chunk: Uint8Array | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : asBuffer(chunk);
      seen += bytes.length;
      chunks.push(bytes);
      if (seen <= size) return;
      stream.destroy();
      reject(wrongSize(request, size, seen));
    });
    stream.once('end', () => {
      if (seen === size) resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
      else reject(wrongSize(request, size, seen));
    });
    stream.once('error', reject);
    stream.once('close', () => {
      signal?.removeEventListener('abort', stop);
      if (stream.readableEnded || stream.errored) return;
      reject(
        new StoreError('CONNECTION', `The source of ${request.key} ended before its end.`, {
          store: request.store,
          key: request.key,
        }),
      );
    });
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
  });
}

function wrongSize(request: S3Request & { key: string }, size: number, came: number): StoreError {
  return new StoreError(
    'CORRUPT',
    `${size} bytes were promised for ${request.key} and ${came > size ? 'more' : came} came; nothing was written to ${request.store}.`,
    { store: request.store, key: request.key },
  );
}
