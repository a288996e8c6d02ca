const HASH_BITS = 14;
const BLOCK = 1 << 16;

/**
 * Compresses into Snappy's raw format (google/snappy, format_description.txt): the length as a varint, then
 * literals and copies of what came up to 64 KiB before.
 */
export function snappyCompress(input: Buffer): Buffer {
  const out = Buffer.allocUnsafe(32 + input.length + Math.ceil(input.length / 6));
  let at = 0;
  let length = input.length;
  while (length >= 0x80) {
    out[at++] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  out[at++] = length;

  const literal = (from: number, to: number): void => {
    const size = to - from;
    if (size === 0) return;
    const n = size - 1;
    if (n < 60) out[at++] = n << 2;
    else {
      const bytes = n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;
      out[at++] = (59 + bytes) << 2;
      for (let i = 0; i < bytes; i++) out[at++] = (n >>> (8 * i)) & 0xff;
    }
    input.copy(out, at, from, to);
    at += size;
  };
  const copy = (offset: number, size: number): void => {
    let left = size;
    while (left > 0) {
      // The last two copies share what is left, so that none is shorter than 4.
      const part = left > 64 ? (left < 68 ? 60 : 64) : left;
      out[at++] = ((part - 1) << 2) | 2;
      out[at++] = offset & 0xff;
      out[at++] = offset >>> 8;
      left -= part;
    }
  };

  const table = new Uint16Array(1 << HASH_BITS);
  for (let start = 0; start < input.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, input.length);
    table.fill(0);
    let emitted = start;
    let i = start + 1;
    let misses = 32;
    while (i + 4 <= end) {
      const word = input.readUInt32LE(i);
      const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const candidate = start + table[hash]!;
      table[hash] = i - start;
      if (candidate >= i || input.readUInt32LE(candidate) !== word) {
        i += misses++ >> 5;
        continue;
      }
      misses = 32;
      literal(emitted, i);
      let size = 4;
      while (i + size < end && input[candidate + size] === input[i + size]) size++;
      copy(i - candidate, size);
      i += size;
      emitted = i;
    }
    literal(emitted, end);
  }
  return out.subarray(0, at);
}
