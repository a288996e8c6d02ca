import type { Limiter } from '../../base/limiter.ts';
import { bodySize, checkedChunks } from '../body.ts';
import { StoreError } from '../errors.ts';
import { delayBefore, pause } from '../retry.ts';
import type { Body, Multipart, ObjectInfo, PartInfo, PutOptions } from '../store.ts';
import type { S3Client } from './client.ts';
import { putWhole } from './put.ts';

const MiB = 1024 * 1024;

/**
 * Writes an object by parts, in parallel. Memory is bounded by the limiter: a place is taken before a part
 * is read, and given back when it is sent. A body of unknown size that ends within its first part goes in
 * one request. On failure the upload is given up, so that no parts are left that cost money.
 */
export async function putParts(
  client: S3Client,
  multipart: Multipart,
  limiter: Limiter,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const started = performance.now();
  for (let attempt = 1; ; attempt++) {
    const upload = new Upload(client, multipart, limiter, key, body, options);
    try {
      return await upload.run();
    } catch (error) {
      // Requests have been repeated one by one; only a source that broke needs the whole from its start.
      if (typeof body !== 'function' || !upload.sourceBroke) throw error;
      const { retry } = client.settings;
      const delay = delayBefore(error, attempt, performance.now() - started, retry, options.signal);
      if (delay === undefined) throw error;
      await pause(delay, options.signal);
    }
  }
}

class Upload {
  sourceBroke = false;
  readonly #client: S3Client;
  readonly #multipart: Multipart;
  readonly #limiter: Limiter;
  readonly #key: string;
  readonly #options: PutOptions;
  readonly #size: number | undefined;
  readonly #partSize: number;
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #rest: Buffer = Buffer.alloc(0);
  #read = 0;
  #ended = false;

  constructor(
    client: S3Client,
    multipart: Multipart,
    limiter: Limiter,
    key: string,
    body: Body,
    options: PutOptions,
  ) {
    this.#client = client;
    this.#multipart = multipart;
    this.#limiter = limiter;
    this.#key = key;
    this.#options = options;
    this.#size = bodySize(body, options.size);
    this.#partSize = partSizeOf(this.#size, client.settings.partSize, multipart.maxParts);
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
    this.#chunks = checkedChunks(
      body,
      {
        ...(options.size !== undefined && { size: options.size }),
        ...(options.md5 !== undefined && { md5: options.md5 }),
        ...(options.signal && { signal: options.signal }),
      },
      { store: client.name, key },
    );
  }

  async run(): Promise<ObjectInfo> {
    let uploadId: string | undefined;
    const sending: Promise<void>[] = [];
    try {
      const parts: PartInfo[] = [];
      let failure: { error: unknown } | undefined;
      for (let number = 1; !this.#ended && !failure; number++) {
        await this.#limiter.acquire();
        let given = false;
        try {
          const part = await this.#fill();
          if (number === 1 && this.#ended) {
            // Its size and MD5 have been checked; the store checks the MD5 once more.
            return await putWhole(this.#client, this.#key, part, { ...this.#options, size: part.length });
          }
          if (part.length === 0) break;
          if (number > this.#multipart.maxParts) throw this.#tooLarge();
          uploadId ??= await this.#multipart.create(this.#key, this.#options);
          given = true;
          sending.push(
            this.#multipart
              .uploadPart(this.#key, uploadId, number, part, { signal: this.#signal })
              .then(
                (sent) => {
                  parts[number - 1] = sent;
                },
                (error: unknown) => {
                  failure ??= { error };
                },
              )
              .finally(() => this.#limiter.release()),
          );
        } finally {
          if (!given) this.#limiter.release();
        }
      }
      await Promise.all(sending);
      if (failure) throw failure.error;
      const { ifNoneMatch, ifMatch, signal } = this.#options;
      const info = await this.#multipart.complete(this.#key, uploadId!, parts, {
        ...(ifNoneMatch !== undefined && { ifNoneMatch }),
        ...(ifMatch !== undefined && { ifMatch }),
        ...(signal && { signal }),
      });
      return { ...info, size: this.#read };
    } catch (error) {
      this.#stop.abort();
      await Promise.all(sending);
      // What failed first is what is told; parts that stay behind are for the bucket's lifecycle rules.
      if (uploadId !== undefined) await this.#multipart.abort(this.#key, uploadId).catch(() => undefined);
      throw error;
    } finally {
      await this.#chunks.return();
    }
  }

  /** The next part, full unless the body ended. */
  async #fill(): Promise<Buffer> {
    const left = this.#size === undefined ? this.#partSize : this.#size - this.#read;
    const part = Buffer.allocUnsafeSlow(Math.min(this.#partSize, Math.max(left, 0)));
    let filled = 0;
    // One look beyond a full part tells whether it was the last, and finds a body that is too long.
    while (filled < part.length || this.#rest.length === 0) {
      if (this.#rest.length === 0) {
        const next = await this.#next();
        if (next === undefined) {
          this.#ended = true;
          break;
        }
        this.#rest = next;
      }
      const taken = this.#rest.copy(part, filled);
      filled += taken;
      this.#rest = this.#rest.subarray(taken);
      if (filled === part.length && this.#rest.length > 0) break;
    }
    this.#read += filled;
    return part.subarray(0, filled);
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { done, value } = await this.#chunks.next();
      return done ? undefined : value;
    } catch (error) {
      this.sourceBroke = true;
      throw error;
    }
  }

  #tooLarge(): StoreError {
    const most = this.#partSize * this.#multipart.maxParts;
    return new StoreError(
      'TOO_LARGE',
      `${this.#key} is of unknown size and has more than ${most} bytes: set a larger part_size on the connection of ${this.#client.name}.`,
      { store: this.#client.name, key: this.#key },
    );
  }
}

/** Parts of one size (some stores want that), large enough for the body to fit in as many as are allowed. */
function partSizeOf(size: number | undefined, wanted: number, maxParts: number): number {
  if (size === undefined) return wanted;
  return Math.max(wanted, Math.ceil(size / maxParts / MiB) * MiB);
}
