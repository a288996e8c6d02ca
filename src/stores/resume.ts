import { Readable } from 'node:stream';
import { StoreError } from './errors.ts';
import { delayBefore, pause, type RetryPolicy } from './retry.ts';

export interface ResumingOptions {
  /** The bytes from this offset of the body on; called again where a connection breaks. */
  open: (offset: number) => Promise<Readable>;
  /** What `open(0)` gave, when that was needed to know the rest. */
  first: Readable;
  /** Bytes of the whole body. */
  length: number;
  at: { store: string; key: string };
  /** Makes a StoreError of what a stream broke with. */
  mapError: (error: unknown) => unknown;
  policy: RetryPolicy;
  signal?: AbortSignal | undefined;
  /** Milliseconds without a byte, while some are wanted, that count as a broken connection. */
  silence?: number;
}

/** A body that goes on where its connection broke, and fails with CORRUPT when it is longer than promised. */
export class ResumingBody extends Readable {
  readonly #options: ResumingOptions;
  #current: Readable | undefined;
  #received = 0;
  #failures = 0;
  #failingSince = 0;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: ResumingOptions) {
    super({ highWaterMark: 256 * 1024 });
    this.#options = options;
    this.#follow(options.first);
  }

  override _read(): void {
    if (!this.#current) return;
    this.#current.resume();
    this.#listen(this.#current);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#silence);
    this.#current?.destroy();
    done(error);
  }

  #follow(source: Readable): void {
    this.#current = source;
    source.pause();
    source.on('data', (chunk: Buffer) => this.#take(source, chunk));
    source.once('end', () => this.#ended(source));
    source.once('error', (error) => this.#broke(source, error));
    source.on('error', () => undefined);
    source.once('close', () => this.#ended(source));
    if (this.#received > 0) this._read();
  }

  #take(source: Readable, chunk: Buffer): void {
    if (source !== this.#current) return;
    this.#received += chunk.length;
    this.#failures = 0;
    const { at, length } = this.#options;
    if (this.#received > length) {
      this.destroy(
        new StoreError('CORRUPT', `More than the ${length} bytes of ${at.key} in ${at.store} came.`, at),
      );
    } else if (this.push(chunk)) this.#listen(source);
    else {
      source.pause();
      clearTimeout(this.#silence);
    }
  }

  #listen(source: Readable): void {
    const { silence, at } = this.#options;
    if (silence === undefined) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const why = `No byte of ${at.key} came from ${at.store} for ${silence / 1000} seconds.`;
      this.#broke(source, new StoreError('TIMEOUT', why, at));
    }, silence);
  }

  #ended(source: Readable): void {
    if (source !== this.#current || this.destroyed) return;
    const { at, length } = this.#options;
    if (this.#received === length) {
      this.#current = undefined;
      clearTimeout(this.#silence);
      this.push(null);
      return;
    }
    const missing = `The body of ${at.key} in ${at.store} ended after ${this.#received} of ${length} bytes.`;
    this.#broke(source, new StoreError('CORRUPT', missing, at));
  }

  #broke(source: Readable, error: unknown): void {
    if (source !== this.#current || this.destroyed) return;
    this.#current = undefined;
    clearTimeout(this.#silence);
    source.destroy();
    this.#goOn(this.#options.mapError(error)).catch((final: Error) => this.destroy(final));
  }

  async #goOn(error: unknown): Promise<void> {
    const { policy, signal, open } = this.#options;
    if (this.#failures++ === 0) this.#failingSince = performance.now();
    const delay = delayBefore(error, this.#failures, performance.now() - this.#failingSince, policy, signal);
    if (delay === undefined) throw error;
    await pause(delay, signal);
    const next = await open(this.#received);
    if (this.destroyed) next.destroy();
    else this.#follow(next);
  }
}
