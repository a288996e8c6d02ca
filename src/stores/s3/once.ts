import { Readable } from 'node:stream';
import { endedEarly, giveAway } from '../relay.ts';

/** How much of a stream is kept to begin again with. */
const HELD = 1024 * 1024;

/**
 * A stream that can be read once, opened as often as no more than its first MiB were taken: enough for
 * a kept socket that turns out to be closed by the other side when a request is written on it. By events: iterating
 * costs several turns of the loop for each chunk.
 */
export class OnceStream {
  readonly #source: Readable;
  #held: Uint8Array[] = [];
  #size = 0;
  #repeatable = true;
  #reader: Reader | undefined;
  /** How the source ended; null: well. */
  #end: Error | null | undefined;

  constructor(source: Readable) {
    this.#source = source;
  }

  get repeatable(): boolean {
    return this.#repeatable;
  }

  /** All that was taken so far from where the source began, then what comes. An earlier one gets no more. */
  open(): Readable {
    const first = this.#reader === undefined;
    this.#reader = new Reader(this.#source, () => this.#pump());
    if (first) this.#listen();
    return this.#reader;
  }

  /** Destroys the source, whatever was read of it. */
  close(): void {
    if (!this.#source.destroyed) this.#source.destroy();
  }

  #listen(): void {
    const source = this.#source;
    source.on('data', (chunk: Uint8Array) => {
      if (!this.#repeatable) giveAway(chunk, source);
      this.#held.push(chunk);
      this.#size += chunk.length;
      this.#pump();
    });
    source.on('end', () => this.#finish(null));
    source.on('error', (error) => this.#finish(error));
    source.on('close', () => this.#finish(endedEarly(source)));
    if (source.destroyed) this.#finish(endedEarly(source));
    source.pause();
  }

  #finish(end: Error | null): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#pump();
  }

  /** Gives the reader what it has not got yet, as much as it takes now. */
  #pump(): void {
    const reader = this.#reader!;
    if (reader.destroyed) {
      this.#source.pause();
      return;
    }
    while (reader.taken < this.#held.length) {
      if (reader.push(this.#held[reader.taken++])) continue;
      this.#source.pause();
      break;
    }
    if (reader.taken < this.#held.length) return;
    if (this.#end !== undefined) {
      if (this.#end) reader.destroy(this.#end);
      else if (!reader.readableEnded) reader.push(null);
      return;
    }
    if (this.#size <= HELD) return;
    this.#repeatable = false;
    this.#held = [];
    reader.taken = 0;
  }
}

class Reader extends Readable {
  /** How many of the chunks that are held it has got. */
  taken = 0;
  readonly #source: Readable;
  readonly #pump: () => void;

  constructor(source: Readable, pump: () => void) {
    super({ highWaterMark: 256 * 1024 });
    this.#source = source;
    this.#pump = pump;
  }

  override _read(): void {
    this.#source.resume();
    this.#pump();
  }
}
