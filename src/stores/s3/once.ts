import { Readable } from 'node:stream';

/** How much of a stream is kept to begin again with. */
const HELD = 1024 * 1024;

/**
 * A stream that can be read once, opened as often as no more than its first MiB were taken: enough for
 * a kept socket that turns out to be closed by the other side when a request is written on it.
 */
export class OnceStream {
  readonly #source: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #size = 0;
  #pending: Promise<IteratorResult<Uint8Array>> | undefined;
  #repeatable = true;

  constructor(source: Readable) {
    this.#source = source;
    this.#chunks = source.iterator({ destroyOnReturn: false });
  }

  get repeatable(): boolean {
    return this.#repeatable;
  }

  open(): Readable {
    return Readable.from(this.#read(), { objectMode: false });
  }

  /** Destroys the source, whatever was read of it. */
  close(): void {
    if (!this.#source.destroyed) this.#source.destroy();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const chunk of [...this.#held]) yield chunk;
    for (;;) {
      // An attempt that ended while it waited leaves its chunk to the next.
      this.#pending ??= this.#chunks.next();
      const { done, value } = await this.#pending;
      this.#pending = undefined;
      if (done) return;
      if (this.#repeatable) {
        this.#size += value.length;
        if (this.#size <= HELD) this.#held.push(value);
        else {
          this.#repeatable = false;
          this.#held = [];
        }
      }
      yield value;
    }
  }
}
