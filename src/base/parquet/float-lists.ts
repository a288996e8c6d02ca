import { SluiceError } from '../errors.ts';

/** Decompresses a page. */
export type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

/**
 * Reads a column chunk of lists of floats (list optional, floats required) that was written as data pages of
 * version 1, PLAIN: of each row the floats' little-endian bytes (views, not copies), or null. An empty list is
 * empty bytes.
 * @param chunk the pages of the chunk; may end in the middle of one, which then is not read
 * @param most rows after which to stop
 * @returns undefined when the chunk is encoded in another way, which a general reader must take
 */
export function readFloatLists(
  chunk: Uint8Array,
  decompress: Decompress,
  most = Number.POSITIVE_INFINITY,
): (Uint8Array | null)[] | undefined {
  const rows: (Uint8Array | null)[] = [];
  let at = 0;
  while (at < chunk.length && rows.length < most) {
    const header = readPageHeader(chunk, at);
    if (!header || header.at + header.compressed > chunk.length) break;
    if (header.type !== 0 || header.encoding !== 0) return undefined;
    const body = chunk.subarray(header.at, header.at + header.compressed);
    at = header.at + header.compressed;
    takeRows(decompress(body, header.uncompressed), header.values, rows);
  }
  return rows;
}

/** Three levels: 0 = null, 1 = empty, 2 = a float. */
const MAX_DEFINITION = 2;

function takeRows(page: Uint8Array, values: number, rows: (Uint8Array | null)[]): void {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const repetitionSize = view.getUint32(0, true);
  const definitionAt = 4 + repetitionSize;
  const definitionSize = view.getUint32(definitionAt, true);
  const repetitions = readLevels(page.subarray(4, definitionAt), 1, values);
  const definitions = readLevels(
    page.subarray(definitionAt + 4, definitionAt + 4 + definitionSize),
    2,
    values,
  );
  let byte = definitionAt + 4 + definitionSize;
  let start = byte;
  for (let i = 0; i < values; ) {
    const definition = definitions[i]!;
    let next = i + 1;
    while (next < values && repetitions[next] === 1) next++;
    if (definition === MAX_DEFINITION) byte += (next - i) * 4;
    rows.push(definition === 0 ? null : page.subarray(start, byte));
    start = byte;
    i = next;
  }
}

/** The "RLE / bit-packing hybrid" (Parquet format, Encodings.md). */
function readLevels(bytes: Uint8Array, width: number, count: number): Uint8Array {
  const levels = new Uint8Array(count);
  const mask = (1 << width) - 1;
  let filled = 0;
  let at = 0;
  while (filled < count) {
    let header = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++]!;
      header += (byte & 0x7f) * scale;
      if (!(byte & 0x80)) break;
      scale *= 0x80;
      if (at >= bytes.length) throw new SluiceError('CORRUPT', 'The levels of a Parquet page end too early.');
    }
    if (header % 2 === 0) {
      const run = header / 2;
      levels.fill(bytes[at++]! & mask, filled, filled + run);
      filled += run;
      continue;
    }
    const packed = ((header - 1) / 2) * 8;
    let bits = 0;
    let held = 0;
    for (let i = 0; i < packed; i++) {
      if (held < width) {
        bits |= bytes[at++]! << held;
        held += 8;
      }
      if (filled < count) levels[filled++] = bits & mask;
      bits >>= width;
      held -= width;
    }
  }
  return levels;
}

interface PageHeader {
  /** 0 is a data page of version 1. */
  type: number;
  /** 0 is PLAIN; -1 when it is no data page. */
  encoding: number;
  compressed: number;
  uncompressed: number;
  values: number;
  /** Where the page's content begins. */
  at: number;
}

/** The page's Thrift header (parquet.thrift, PageHeader). @returns undefined when it is cut off */
function readPageHeader(bytes: Uint8Array, start: number): PageHeader | undefined {
  let at = start;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (!(byte & 0x80)) return value;
      scale *= 0x80;
    }
  };
  const zigzag = (): number => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const skip = (type: number): void => {
    if (type === 3) at++;
    else if (type >= 4 && type <= 6) varint();
    else if (type === 7) at += 8;
    else if (type === 8) at += varint();
    else if (type === 12) fields(() => false);
  };
  /** @param take says whether it read the field's value */
  function fields(take: (id: number) => boolean): void {
    let id = 0;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      if (byte === 0) return;
      id = byte >> 4 === 0 ? zigzag() : id + (byte >> 4);
      if (!take(id)) skip(byte & 0x0f);
    }
  }
  const header: PageHeader = { type: -1, encoding: -1, compressed: 0, uncompressed: 0, values: 0, at: 0 };
  fields((id) => {
    if (id === 1) header.type = zigzag();
    else if (id === 2) header.uncompressed = zigzag();
    else if (id === 3) header.compressed = zigzag();
    else if (id === 5) {
      fields((inner) => {
        if (inner === 1) header.values = zigzag();
        else if (inner === 2) header.encoding = zigzag();
        else return false;
        return true;
      });
    } else return false;
    return true;
  });
  header.at = at;
  return at > bytes.length || header.type < 0 ? undefined : header;
}
