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
  #pending: Promise<boolean> | undefined;
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

  /** All that was taken so far from where the source began, then what comes. */
  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; ; at++) {
      if (at === this.#held.length) {
        if (this.#size > HELD) {
          this.#repeatable = false;
          this.#held = [];
          at = 0;
        }
        if (!(await this.#take())) return;
      }
      yield this.#held[at]!;
    }
  }

  /** Takes the next chunk into what is held; false at the end. One that an earlier attempt still waits for is it. */
  #take(): Promise<boolean> {
    this.#pending ??= this.#chunks.next().then(({ done, value }) => {
      this.#pending = undefined;
      if (done) return false;
      this.#held.push(value);
      this.#size += value.length;
      return true;
    });
    return this.#pending;
  }
}
