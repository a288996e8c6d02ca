import { garbled } from './garbled.ts';

/** Reads numbers and slices from bytes, one after the other; never beyond `end`. */
export class Cursor {
  bytes: Buffer;
  at: number;
  end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** An unsigned varint (LEB128); exact up to 2^53. */
  varint(): number {
    const { bytes, end } = this;
    let at = this.at;
    let byte = at < end ? bytes[at++]! : this.#short();
    if (byte < 128) {
      this.at = at;
      return byte;
    }
    let value = byte & 127;
    let factor = 128;
    do {
      if (at >= end || factor > 2 ** 63) this.#short();
      byte = bytes[at++]!;
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte >= 128);
    this.at = at;
    return value;
  }

  /** A signed varint (zigzag), as Go's binary.PutVarint writes it. */
  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Moves on by a length that was read before; gives where that slice begins. */
  skip(length: number): number {
    const start = this.at;
    if (length < 0 || start + length > this.end) this.#short();
    this.at = start + length;
    return start;
  }

  #short(): never {
    throw garbled('it ends in the middle of a value');
  }
}
