/** Pieces of one size; the last may be smaller. One is read ahead, to know which is the last. */
export class Chunks {
  ended = false;
  readonly #source: AsyncGenerator<Buffer, void, undefined>;
  readonly #size: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncGenerator<Buffer, void, undefined>, size: number) {
    this.#source = source;
    this.#size = size;
  }

  async next(): Promise<Buffer> {
    const pieces: Buffer[] = [this.#rest];
    let length = this.#rest.length;
    while (length <= this.#size) {
      const { done, value } = await this.#source.next();
      if (done) {
        this.ended = true;
        break;
      }
      pieces.push(value);
      length += value.length;
    }
    const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
    if (this.ended && all.length <= this.#size) return all;
    // More than a whole chunk is left only when the source gives large pieces.
    this.ended = false;
    this.#rest = all.subarray(this.#size);
    return all.subarray(0, this.#size);
  }

  async close(): Promise<void> {
    await this.#source.return();
  }
}
