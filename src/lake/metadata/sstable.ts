import { maskedCrc32c } from './crc32c.ts';
import { garbled } from './garbled.ts';
import { decodeSnappy } from './snappy.ts';
import { Cursor } from './varint.ts';

const FOOTER = 53;
const MAGIC = Buffer.from('f7cff485b741e288', 'hex');
const BLOCK_TRAILER = 5;
/** Sequence number and kind, at the end of every key of data and index blocks. */
const KEY_TRAILER = 8;
const TWO_LEVELS = 2;

interface Handle {
  offset: number;
  length: number;
}

/** Keys by the bytes of their UTF-8 form; an absent bound is open. */
export interface KeyBounds {
  lower?: Buffer;
  /** Whether the lower bound itself is in. */
  lowerIn?: boolean;
  upper?: Buffer;
  upperIn?: boolean;
}

/** Gets one record: its key is key[0, keyLength) and its value bytes[start, end), both good only during the call. */
export type Visit = (key: Buffer, keyLength: number, bytes: Buffer, start: number, end: number) => void;

/**
 * A RocksDB block-based table of format version 2 in memory. Its blocks are checked and decompressed as they
 * are visited.
 *
 * Source: https://github.com/facebook/rocksdb/wiki/Rocksdb-BlockBasedTable-Format
 * @throws SluiceError CORRUPT from the constructor and from every method
 */
export class SSTable {
  readonly #bytes: Buffer;
  readonly #checksums: boolean;
  /** Data blocks with the separator: not below the last key of its block, below the first of the next. */
  readonly #blocks: { separator: Buffer; handle: Handle }[] = [];
  readonly #properties = new Map<string, Buffer>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes.length < FOOTER || !bytes.subarray(-8).equals(MAGIC)) throw garbled('it is no SSTable');
    const footer = new Cursor(bytes, bytes.length - FOOTER, bytes.length - 12);
    const checksum = bytes[footer.skip(1)]!;
    if (checksum > 1) throw garbled(`its blocks have an unknown checksum (type ${checksum})`);
    this.#checksums = checksum === 1;
    const metaIndex = readHandle(footer);
    const index = readHandle(footer);
    if (bytes.readUInt32LE(bytes.length - 12) !== 2) throw garbled('it is of another format version');

    this.#eachOf(metaIndex, (name, nameLength, block, start, end) => {
      if (name.toString('latin1', 0, nameLength) !== 'rocksdb.properties') return;
      this.#eachOf(readHandle(new Cursor(block, start, end)), (key, length, values, from, to) => {
        this.#properties.set(key.toString('latin1', 0, length), Buffer.from(values.subarray(from, to)));
      });
    });
    const indexType = this.#properties.get('rocksdb.block.based.table.index.type');
    if (indexType?.length === 4 && indexType.readUInt32LE() === TWO_LEVELS) {
      this.#eachOf(index, (_key, _length, block, start, end) => {
        this.#readIndex(readHandle(new Cursor(block, start, end)));
      });
    } else this.#readIndex(index);
  }

  /** A property as text, such as `type`, `min_key`, `max_key`, `count`. */
  property(name: string): string | undefined {
    return this.#properties.get(name)?.toString('utf8');
  }

  /** Bytes that it keeps in memory. */
  get size(): number {
    return this.#bytes.length;
  }

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** The bytes that lie between a block's last key and the next block's first. */
  separator(block: number): Buffer {
    return this.#blocks[block]!.separator;
  }

  /** The first block that can hold keys at or above this one; `blockCount` when none can. */
  seek(key: Buffer): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]!.separator.compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Visits a block's records within bounds, in key order.
   * @returns false when a key above the bounds was met: no later block has one within
   */
  visit(block: number, bounds: KeyBounds, visit: Visit): boolean {
    const { separator, handle } = this.#blocks[block]!;
    const payload = this.#payload(handle);
    const { lower, upper } = bounds;
    const checkUpper = upper !== undefined && separator.compare(upper) >= 0;
    // Keys are compared until the first one that is above the lower bound.
    let below = lower !== undefined;
    let inside = true;
    eachRecord(payload, (key, keyLength, start, end) => {
      const length = keyLength - KEY_TRAILER;
      if (length < 0) throw garbled('a key is too short');
      if (below) {
        const order = key.compare(lower!, 0, lower!.length, 0, length);
        if (order < 0 || (order === 0 && !bounds.lowerIn)) return true;
        below = false;
      }
      if (checkUpper) {
        const order = key.compare(upper, 0, upper.length, 0, length);
        if (order > 0 || (order === 0 && !bounds.upperIn)) {
          inside = false;
          return false;
        }
      }
      visit(key, length, payload, start, end);
      return true;
    });
    return inside;
  }

  #readIndex(handle: Handle): void {
    this.#eachOf(handle, (key, keyLength, block, start, end) => {
      if (keyLength < KEY_TRAILER) throw garbled('a key of its index is too short');
      this.#blocks.push({
        separator: Buffer.from(key.subarray(0, keyLength - KEY_TRAILER)),
        handle: readHandle(new Cursor(block, start, end)),
      });
    });
  }

  #eachOf(handle: Handle, visit: Visit): void {
    const payload = this.#payload(handle);
    eachRecord(payload, (key, keyLength, start, end) => {
      visit(key, keyLength, payload, start, end);
      return true;
    });
  }

  #payload({ offset, length }: Handle): Buffer {
    const bytes = this.#bytes;
    const end = offset + length;
    if (end + BLOCK_TRAILER > bytes.length - FOOTER) throw garbled('a block lies outside of it');
    if (this.#checksums && maskedCrc32c(bytes, offset, end + 1) !== bytes.readUInt32LE(end + 1))
      throw garbled('the checksum of a block is wrong');
    const codec = bytes[end]!;
    if (codec === 0) return bytes.subarray(offset, end);
    if (codec === 1) return decodeSnappy(bytes, offset, end);
    throw garbled(`a block has an unknown compression (${codec})`);
  }
}

function readHandle(cursor: Cursor): Handle {
  return { offset: cursor.varint(), length: cursor.varint() };
}

/** Keys share their beginnings: each is rebuilt in one buffer over the one before. `visit` gives false to stop. */
function eachRecord(
  payload: Buffer,
  visit: (key: Buffer, keyLength: number, start: number, end: number) => boolean,
): void {
  if (payload.length < 4) throw garbled('a block is too short');
  const restarts = payload.readUInt32LE(payload.length - 4);
  const end = payload.length - 4 - restarts * 4;
  if (end < 0) throw garbled('a block is too short');
  const cursor = new Cursor(payload, 0, end);
  let key = Buffer.allocUnsafe(1024);
  let keyLength = 0;
  while (cursor.at < end) {
    const shared = cursor.varint();
    const unshared = cursor.varint();
    const valueLength = cursor.varint();
    if (shared > keyLength) throw garbled('a key continues one that is not there');
    const suffix = cursor.skip(unshared);
    keyLength = shared + unshared;
    if (keyLength > key.length) {
      const larger = Buffer.allocUnsafe(keyLength * 2);
      key.copy(larger, 0, 0, shared);
      key = larger;
    }
    if (unshared < 48) for (let i = 0; i < unshared; i++) key[shared + i] = payload[suffix + i]!;
    else payload.copy(key, shared, suffix, suffix + unshared);
    const start = cursor.skip(valueLength);
    if (!visit(key, keyLength, start, cursor.at)) return;
  }
}
