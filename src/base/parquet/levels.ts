/**
 * Definition and repetition levels in Parquet's "RLE / bit-packing hybrid" (Parquet format, Encodings.md),
 * written as they come. A run of equal levels costs the same whatever its length, so a list of 384 floats
 * is two calls.
 */
export class LevelEncoder {
  readonly #width: number;
  #bytes = Buffer.alloc(64);
  #length = 0;
  #runValue = 0;
  #runLength = 0;
  /** Values of a bit-packed group that is not full yet. */
  #group = new Uint8Array(8);
  #grouped = 0;
  /** Where the header of the open bit-packed run stands; -1 when none is open. */
  #packedAt = -1;
  #packedGroups = 0;

  /** @param maxLevel 1 to 255 */
  constructor(maxLevel: number) {
    this.#width = 32 - Math.clz32(maxLevel);
  }

  push(level: number, count: number): void {
    if (level !== this.#runValue) {
      this.#endRun();
      this.#runValue = level;
    }
    this.#runLength += count;
  }

  /** What was pushed since the last call. */
  take(): Buffer {
    this.#endRun();
    if (this.#grouped > 0) {
      this.#group.fill(0, this.#grouped);
      this.#packGroup();
    }
    this.#endPacked();
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  get size(): number {
    return this.#length;
  }

  #endRun(): void {
    let left = this.#runLength;
    this.#runLength = 0;
    while (left > 0 && (this.#grouped > 0 || left < 8)) {
      this.#group[this.#grouped++] = this.#runValue;
      left--;
      if (this.#grouped === 8) this.#packGroup();
    }
    if (left === 0) return;
    this.#endPacked();
    this.#varint(left * 2);
    this.#byte(this.#runValue);
  }

  #packGroup(): void {
    if (this.#packedAt < 0) {
      this.#packedAt = this.#length;
      this.#byte(0);
    }
    let bits = 0;
    let held = 0;
    for (let i = 0; i < 8; i++) {
      bits |= this.#group[i]! << held;
      held += this.#width;
      while (held >= 8) {
        this.#byte(bits & 0xff);
        bits >>>= 8;
        held -= 8;
      }
    }
    this.#grouped = 0;
    // 63 groups is what a header of one byte can say.
    if (++this.#packedGroups === 63) this.#endPacked();
  }

  #endPacked(): void {
    if (this.#packedAt < 0) return;
    this.#bytes[this.#packedAt] = this.#packedGroups * 2 + 1;
    this.#packedAt = -1;
    this.#packedGroups = 0;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = Buffer.alloc(this.#bytes.length * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }
}
