import type { LakeEntry } from '../client/entry.ts';
import { garbled } from './garbled.ts';
import type { KeyBounds, SSTable } from './sstable.ts';
import { Cursor } from './varint.ts';

/** One range of a commit: the entries from `minKey` to `maxKey`, both in. */
export interface RangeInfo {
  /** Hash of its content: equal ids hold equal entries. */
  id: string;
  minKey: Buffer;
  maxKey: Buffer;
  /** Entries. */
  count: number;
  /** Bytes of its SSTable, roughly. */
  size: number;
}

/** The ranges that a metarange lists, in key order. @throws SluiceError CORRUPT */
export function readMetaRange(table: SSTable): RangeInfo[] {
  expectType(table, 'metaranges');
  const ranges: RangeInfo[] = [];
  for (let block = 0; block < table.blockCount; block++) {
    table.visit(block, {}, (_key, _length, bytes, start, end) => {
      const cursor = new Cursor(bytes, start, end);
      const idLength = cursor.signed();
      const idStart = cursor.skip(idLength);
      const id = bytes.toString('latin1', idStart, idStart + idLength);
      const dataLength = cursor.signed();
      const dataStart = cursor.skip(dataLength);
      ranges.push(readRangeInfo(id, new Cursor(bytes, dataStart, dataStart + dataLength)));
    });
  }
  return ranges;
}

/** Protobuf {1 min_key, 2 max_key, 3 estimated_size, 4 count}. */
function readRangeInfo(id: string, cursor: Cursor): RangeInfo {
  const range: RangeInfo = { id, minKey: Buffer.alloc(0), maxKey: Buffer.alloc(0), count: 0, size: 0 };
  while (cursor.at < cursor.end) {
    const tag = cursor.varint();
    if (tag === 0x0a) range.minKey = copyOf(cursor);
    else if (tag === 0x12) range.maxKey = copyOf(cursor);
    else if (tag === 0x18) range.size = cursor.varint();
    else if (tag === 0x20) range.count = cursor.varint();
    else skipField(cursor, tag);
  }
  return range;
}

/** Turns records of ranges into entries. Keeps what repeats from record to record, so it is made once a range. */
export class EntryDecoder {
  readonly #base: string;
  #contentType = '';
  #contentTypeBytes = Buffer.alloc(0);
  readonly #cursor = new Cursor(Buffer.alloc(0));

  /** @param namespace the repository's storage namespace, which relative addresses begin at; without a '/' at its end */
  constructor(namespace: string) {
    this.#base = `${namespace}/`;
  }

  /**
   * Adds a block's entries within bounds.
   * @returns false when the bounds end in this block
   */
  addBlock(table: SSTable, block: number, bounds: KeyBounds, to: LakeEntry[]): boolean {
    return table.visit(block, bounds, (key, keyLength, bytes, start, end) => {
      to.push(this.#entry(key.toString('utf8', 0, keyLength), bytes, start, end));
    });
  }

  /**
   * Protobuf Entry {1 address, 2 last_modified {1 seconds}, 3 size, 4 etag, 5 metadata, 6 address_type,
   * 7 content_type}, after its identity.
   */
  #entry(path: string, bytes: Buffer, start: number, end: number): LakeEntry {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = start;
    cursor.end = end;
    const identityLength = cursor.signed();
    const identityStart = cursor.skip(identityLength);
    const identity = bytes.toString('hex', identityStart, identityStart + identityLength);
    const dataLength = cursor.signed();
    const dataStart = cursor.skip(dataLength);
    const dataEnd = dataStart + dataLength;
    cursor.at = dataStart;
    cursor.end = dataEnd;

    let address = '';
    let checksum = '';
    let contentType: string | undefined;
    let metadata: Record<string, string> | undefined;
    let size = 0;
    let seconds = 0;
    let addressType = 0;
    while (cursor.at < dataEnd) {
      const tag = cursor.varint();
      if (tag === 0x18) size = cursor.varint();
      else if (tag === 0x30) addressType = cursor.varint();
      else if ((tag & 7) === 2) {
        const length = cursor.varint();
        const from = cursor.skip(length);
        const to = from + length;
        if (tag === 0x0a) address = bytes.toString('utf8', from, to);
        else if (tag === 0x22) checksum = bytes.toString('latin1', from, to);
        else if (tag === 0x12) {
          seconds = readSeconds(new Cursor(bytes, from, to));
        } else if (tag === 0x2a) {
          metadata ??= {};
          readPair(new Cursor(bytes, from, to), metadata);
        } else if (tag === 0x3a) contentType = this.#contentTypeOf(bytes, from, to);
      } else skipField(cursor, tag);
    }
    const relative = addressType === 1 || (addressType === 0 && !address.includes('://'));
    const entry: LakeEntry = {
      path,
      physicalAddress: relative ? this.#base + address : address,
      checksum,
      size,
      mtime: seconds * 1000,
      contentType: contentType === '' ? undefined : contentType,
      metadata,
      identity,
    };
    return entry;
  }

  /** Content types repeat: most of the time the last one is the same again. */
  #contentTypeOf(bytes: Buffer, from: number, to: number): string {
    const last = this.#contentTypeBytes;
    if (to - from === last.length) {
      let i = 0;
      while (i < last.length && last[i] === bytes[from + i]) i++;
      if (i === last.length) return this.#contentType;
    }
    this.#contentTypeBytes = Buffer.from(bytes.subarray(from, to));
    this.#contentType = bytes.toString('utf8', from, to);
    return this.#contentType;
  }
}

/** @throws SluiceError CORRUPT when the table is something else */
export function expectType(table: SSTable, type: 'ranges' | 'metaranges'): void {
  const found = table.property('type');
  if (found !== undefined && found !== type) throw garbled(`it holds ${found} where ${type} belong`);
}

function readSeconds(cursor: Cursor): number {
  let seconds = 0;
  while (cursor.at < cursor.end) {
    const tag = cursor.varint();
    if (tag === 0x08) seconds = cursor.varint();
    else skipField(cursor, tag);
  }
  return seconds;
}

function readPair(cursor: Cursor, into: Record<string, string>): void {
  let name = '';
  let value = '';
  while (cursor.at < cursor.end) {
    const tag = cursor.varint();
    if (tag === 0x0a) name = text(cursor);
    else if (tag === 0x12) value = text(cursor);
    else skipField(cursor, tag);
  }
  into[name] = value;
}

function text(cursor: Cursor): string {
  const start = cursor.skip(cursor.varint());
  return cursor.bytes.toString('utf8', start, cursor.at);
}

function copyOf(cursor: Cursor): Buffer {
  const start = cursor.skip(cursor.varint());
  return Buffer.from(cursor.bytes.subarray(start, cursor.at));
}

/** Passes over a field that this reader does not know. */
function skipField(cursor: Cursor, tag: number): void {
  const wire = tag & 7;
  if (wire === 0) cursor.varint();
  else if (wire === 1) cursor.skip(8);
  else if (wire === 2) cursor.skip(cursor.varint());
  else if (wire === 5) cursor.skip(4);
  else throw garbled('a record is no protobuf');
}
