import { garbled } from './garbled.ts';
import { Cursor } from './varint.ts';

const MAX_BLOCK = 64 * 1024 * 1024;

/**
 * Decodes a block of raw Snappy (no framing).
 *
 * Source: https://github.com/google/snappy/blob/main/format_description.txt
 * @throws SluiceError CORRUPT
 */
export function decodeSnappy(input: Buffer, start: number, end: number): Buffer {
  const cursor = new Cursor(input, start, end);
  const size = cursor.varint();
  if (size > MAX_BLOCK) throw garbled('a compressed block claims to be larger than any is');
  const output = Buffer.allocUnsafe(size);
  let from = cursor.at;
  let to = 0;
  while (from < end) {
    const tag = input[from++]!;
    if ((tag & 3) === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (from + bytes > end) throw broken();
        length = input.readUIntLE(from, bytes);
        from += bytes;
      }
      length++;
      if (from + length > end || to + length > size) throw broken();
      if (length <= 32) for (let i = 0; i < length; i++) output[to + i] = input[from + i]!;
      else input.copy(output, to, from, from + length);
      from += length;
      to += length;
      continue;
    }
    let length: number;
    let offset: number;
    if ((tag & 3) === 1) {
      if (from >= end) throw broken();
      length = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | input[from++]!;
    } else {
      const bytes = (tag & 3) === 2 ? 2 : 4;
      if (from + bytes > end) throw broken();
      length = (tag >>> 2) + 1;
      offset = input.readUIntLE(from, bytes);
      from += bytes;
    }
    if (offset === 0 || offset > to || to + length > size) throw broken();
    // A copy may overlap what it writes: then it repeats it, byte by byte.
    for (let i = 0, back = to - offset; i < length; i++) output[to + i] = output[back + i]!;
    to += length;
  }
  if (to !== size) throw broken();
  return output;
}

function broken(): Error {
  return garbled('a block does not decompress');
}
