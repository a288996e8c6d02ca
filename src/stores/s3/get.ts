import type { IncomingHttpHeaders } from 'node:http';
import { Readable, type Writable } from 'node:stream';
import { StoreError } from '../errors.ts';
import { delayBefore, pause } from '../retry.ts';
import type { ByteRange, GetOptions, ObjectContent, ObjectInfo } from '../store.ts';
import { type Controller, recycle } from '../wire/connection.ts';
import type { S3Client, S3Request } from './client.ts';
import { brokenAnswer, header } from './errors.ts';
import type { Sink } from './exchange.ts';
import { infoFromHeaders, quoted } from './headers.ts';

/** Opens an object; its body goes on by itself where the connection breaks (If-Match and Range). */
export async function getObject(client: S3Client, key: string, options: GetOptions): Promise<ObjectContent> {
  if (options.range && 'last' in options.range && options.range.last <= 0) throw nothingThere(client, key);
  const body = new ObjectBody(client, key, options);
  const request = body.request;
  if (options.range) request.headers!.push('range', rangeHeader(options.range));
  if (options.ifMatch !== undefined) request.headers!.push('if-match', quoted(options.ifMatch));
  if (options.ifNoneMatch !== undefined) request.headers!.push('if-none-match', quoted(options.ifNoneMatch));
  try {
    await client.send(request);
  } catch (error) {
    body.discard();
    throw error;
  }
  const content: ObjectContent = { info: body.info!, body };
  if (options.range) content.range = body.range!;
  return content;
}

export function rangeHeader(range: ByteRange): string {
  if ('last' in range) return `bytes=-${range.last}`;
  return `bytes=${range.start}-${range.end ?? ''}`;
}

/** Bytes that are taken in before anyone reads. */
const HELD = 256 * 1024;

/** The bytes of one object or range, over as many connections as it takes. */
class ObjectBody extends Readable implements Sink {
  readonly request: S3Request;
  info: ObjectInfo | undefined;
  /** Of the object, both ends included; an empty object ends before it starts. */
  range: { start: number; end: number } | undefined;
  readonly #client: S3Client;
  readonly #key: string;
  readonly #signal: AbortSignal | undefined;
  readonly #ranged: boolean;
  #controller: Controller | undefined;
  #received = 0;
  #expected = 0;
  #failures = 0;
  #relay: Relay | undefined;
  /** What came before anyone read: with it, small objects need no more of the stream. */
  #held: Buffer[] | undefined = [];
  #whole = false;

  constructor(client: S3Client, key: string, options: GetOptions) {
    super({ highWaterMark: HELD });
    this.#client = client;
    this.#key = key;
    this.#signal = options.signal;
    this.#ranged = options.range !== undefined;
    this.request = {
      store: client.name,
      action: 'read',
      key,
      method: 'GET',
      headers: options.checksums ? ['x-amz-checksum-mode', 'ENABLED'] : [],
      signal: options.signal,
      sink: this,
    };
  }

  begin(status: number, headers: IncomingHttpHeaders, controller: Controller): void {
    this.#controller = controller;
    if (this.destroyed) {
      controller.abort(brokenAnswer(this.request, 'it is not wanted any more'));
      return;
    }
    if (this.info === undefined) this.#beginFirst(status, headers);
    else this.#beginAgain(status, headers);
    if (this.#relay) controller.lend();
  }

  write(chunk: Buffer): boolean {
    if (this.destroyed) return true;
    this.#received += chunk.length;
    this.#failures = 0;
    if (this.#received > this.#expected) {
      this.#controller?.abort(this.#corrupt());
      return true;
    }
    if (this.#held) {
      this.#held.push(chunk);
      return this.#received < HELD;
    }
    return this.#relay ? this.#relay.write(chunk) : this.push(chunk);
  }

  end(): void {
    if (this.#received !== this.#expected) {
      this.fail(this.#corrupt());
      return;
    }
    // The connection is another request's from now on.
    this.#controller = undefined;
    this.#whole = true;
    if (this.#held) return;
    if (this.#relay) this.#relay.end();
    else this.push(null);
  }

  /** See `wholeOf` in ../relay.ts. */
  takeWhole(): Buffer | undefined {
    const held = this.#held;
    if (!held || !this.#whole) return undefined;
    this.#held = undefined;
    this.destroy();
    return held.length === 1 ? held[0]! : Buffer.concat(held);
  }

  /** See `relay` in ../relay.ts. */
  relayTo(target: Writable): Promise<void> {
    return new Promise((resolve, reject) => {
      const whole = this.takeWhole();
      if (whole) {
        target.end(whole);
        resolve();
        return;
      }
      const held = this.#held ?? [];
      this.#held = undefined;
      this.#relay = new Relay(target);
      for (const chunk of held) this.#relay.write(chunk);
      this.on('error', (error) => {
        target.destroy();
        reject(error);
      });
      target.on('drain', () => this.#controller?.resume());
      target.on('close', () => {
        this.destroy();
        resolve();
      });
      this.#controller?.lend();
      this.#controller?.resume();
    });
  }

  fail(error: Error): void {
    if (this.destroyed) return;
    this.#controller = undefined;
    this.#goOn(error).catch((final: Error) => this.destroy(final));
  }

  /** Ends a body that never began; nobody has it. */
  discard(): void {
    this.on('error', () => undefined);
    this.destroy();
  }

  override _read(): void {
    if (this.#held) {
      const held = this.#held;
      this.#held = undefined;
      for (const chunk of held) this.push(chunk);
      if (this.#whole) this.push(null);
    }
    this.#controller?.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (controller && this.#received < this.#expected) {
      controller.abort(error ?? brokenAnswer(this.request, 'it is not wanted any more'));
    }
    callback(error);
  }

  #beginFirst(status: number, headers: IncomingHttpHeaders): void {
    const length = lengthOf(headers);
    const at = status === 206 ? contentRange(headers) : undefined;
    // MinIO and others answer a range of an empty object as if it could be had.
    if (this.#ranged && at === undefined && !length) throw nothingThere(this.#client, this.#key);
    if (status === 206 ? at === undefined : length === undefined) {
      throw brokenAnswer(this.request, 'the answer does not say how many bytes it has', headers);
    }
    // A store that gives the whole object although a part was asked for would give it for every part.
    if (this.#ranged && status !== 206)
      throw brokenAnswer(this.request, 'the store does not read ranges', headers);
    const { start, end, size } = at ?? { start: 0, end: length! - 1, size: length! };
    this.#expected = end - start + 1;
    if (length !== undefined && length !== this.#expected) throw this.#corrupt(length);
    this.range = { start, end };
    this.info = infoFromHeaders(this.#client.settings, this.#key, size, headers);
  }

  /** The rest of the body must be of the same object, and begin where the last one broke. */
  #beginAgain(status: number, headers: IncomingHttpHeaders): void {
    const at = contentRange(headers);
    const start = this.range!.start + this.#received;
    if (status !== 206 || at?.start !== start || at.end !== this.range!.end) {
      throw brokenAnswer(this.request, `reading on at byte ${start} gave other bytes`, headers);
    }
  }

  /** After a break: asks for the bytes that are missing, as often as the policy has it without a byte in between. */
  async #goOn(error: Error): Promise<void> {
    const started = performance.now();
    for (let failure = error; ; ) {
      this.#failures++;
      const { retry } = this.#client.settings;
      const delay = delayBefore(failure, this.#failures, performance.now() - started, retry, this.#signal);
      if (delay === undefined || this.info?.etag === undefined) throw failure;
      await pause(delay, this.#signal);
      if (this.destroyed) return;
      const { start, end } = this.range!;
      try {
        await this.#client.send({
          ...this.request,
          headers: [
            ...['range', rangeHeader({ start: start + this.#received, end })],
            ...['if-match', quoted(this.info.etag)],
          ],
        });
        return;
      } catch (next) {
        failure = next as Error;
      }
    }
  }

  #corrupt(length?: number): StoreError {
    const came = length ?? this.#received;
    return new StoreError(
      'CORRUPT',
      `Reading ${this.#client.name}/${this.#key} gave ${came} of ${this.#expected} bytes.`,
      { store: this.#client.name, key: this.#key },
    );
  }
}

/** Chunks on their way to a target, each with a buffer that comes back. */
class Relay {
  readonly #target: Writable;

  constructor(target: Writable) {
    this.#target = target;
  }

  /** @returns false: the target is full */
  write(chunk: Buffer): boolean {
    return this.#target.write(chunk, (error) => {
      if (!error) recycle(chunk);
    });
  }

  end(): void {
    this.#target.end();
  }
}

function nothingThere(client: S3Client, key: string): StoreError {
  return new StoreError('RANGE_NOT_SATISFIABLE', `${client.name}/${key} has no bytes in this range.`, {
    store: client.name,
    key,
  });
}

function lengthOf(headers: IncomingHttpHeaders): number | undefined {
  const length = header(headers, 'content-length');
  return length === undefined ? undefined : Number(length);
}

/** "bytes 0-99/1000" */
function contentRange(
  headers: IncomingHttpHeaders,
): { start: number; end: number; size: number } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(headers, 'content-range') ?? '');
  if (!match) return undefined;
  return { start: Number(match[1]), end: Number(match[2]), size: Number(match[3]) };
}
