import { SluiceError } from '../errors.ts';
import { type Compression, compress } from './compress.ts';
import { LevelEncoder } from './levels.ts';
import type { Leaf } from './schema.ts';
import { CompactWriter } from './thrift.ts';

/** The finished chunk of one column in one row group. */
export interface ColumnChunk {
  pages: Buffer[];
  values: number;
  uncompressedBytes: number;
  compressedBytes: number;
  nulls: number;
  min?: Buffer;
  max?: Buffer;
}

/** Longer texts get no statistics. */
const LONGEST_STATISTIC = 64;
const EMPTY = Buffer.alloc(0);

/**
 * Takes the values and levels of one leaf of the schema and makes data pages (version 1, PLAIN) of them.
 * A full page is compressed while the next one fills.
 */
export class LeafColumn {
  readonly leaf: Leaf;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
  readonly #compression: Compression;
  readonly #level: number | undefined;
  readonly #pageBytes: number;
  readonly #definitions: LevelEncoder | undefined;
  readonly #repetitions: LevelEncoder | undefined;

  #values = EMPTY;
  #length = 0;
  /** Values of the open page, nulls included. */
  #pageValues = 0;
  #bits = 0;

  #pages: Promise<{ bytes: Buffer[]; uncompressed: number }>[] = [];
  #chunkValues = 0;
  #nulls = 0;
  #min: number | bigint | Buffer | undefined;
  #max: number | bigint | Buffer | undefined;
  #comparable = true;
  /** Bytes of values in the open row group. */
  bytes = 0;

  constructor(
    leaf: Leaf,
    maxDefinition: number,
    maxRepetition: number,
    options: { compression: Compression; level?: number | undefined; pageBytes: number },
  ) {
    this.leaf = leaf;
    this.maxDefinition = maxDefinition;
    this.maxRepetition = maxRepetition;
    this.#compression = options.compression;
    this.#level = options.level;
    this.#pageBytes = options.pageBytes;
    if (maxDefinition > 0) this.#definitions = new LevelEncoder(maxDefinition);
    if (maxRepetition > 0) this.#repetitions = new LevelEncoder(maxRepetition);
  }

  /** No value at this place: something above it is null or empty. */
  addNull(repetition: number, definition: number): void {
    this.#definitions?.push(definition, 1);
    this.#repetitions?.push(repetition, 1);
    this.#pageValues++;
    this.#nulls++;
  }

  /** @param value as the schema function of this leaf says */
  add(value: unknown, repetition: number): void {
    this.#definitions?.push(this.maxDefinition, 1);
    this.#repetitions?.push(repetition, 1);
    this.#pageValues++;
    switch (this.leaf.type) {
      case 'BYTE_ARRAY':
        if (typeof value === 'string') this.#addText(value);
        else if (value instanceof Uint8Array) this.#addBytes(value);
        else throw this.#wrong(value);
        break;
      case 'BOOLEAN':
        if (typeof value !== 'boolean') throw this.#wrong(value);
        this.#addBit(value);
        break;
      case 'INT64':
        if (typeof value === 'bigint' || Number.isSafeInteger(value))
          this.#addInt64(value as number | bigint);
        else throw this.#wrong(value);
        break;
      default:
        if (typeof value !== 'number') throw this.#wrong(value);
        this.#addNumber(value);
    }
  }

  /** A whole list of floats at once. @param bytes little-endian, 4 a value, at least one */
  addFloats(bytes: Uint8Array, repetition: number): void {
    const count = bytes.length / 4;
    this.#definitions?.push(this.maxDefinition, count);
    this.#repetitions?.push(repetition, 1);
    if (count > 1) this.#repetitions?.push(this.maxRepetition, count - 1);
    this.#pageValues += count;
    this.#room(bytes.length);
    this.#values.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#comparable = false;
  }

  /** Between rows: closes the page when it is full. */
  endRow(): void {
    if (this.#length >= this.#pageBytes || this.#pageValues >= 1_000_000) this.#endPage();
  }

  /** Ends the row group's chunk and starts the next. */
  async endChunk(): Promise<ColumnChunk> {
    if (this.#pageValues > 0 || this.#pages.length === 0) this.#endPage();
    const pending = this.#pages;
    const chunk: ColumnChunk = {
      pages: [],
      values: this.#chunkValues,
      uncompressedBytes: 0,
      compressedBytes: 0,
      nulls: this.#nulls,
    };
    if (this.#comparable && this.#min !== undefined && this.maxRepetition === 0) {
      chunk.min = this.#statistic(this.#min);
      chunk.max = this.#statistic(this.#max!);
    }
    this.#pages = [];
    this.#chunkValues = 0;
    this.#nulls = 0;
    this.#min = undefined;
    this.#max = undefined;
    this.#comparable = true;
    this.bytes = 0;
    for (const page of await Promise.all(pending)) {
      chunk.uncompressedBytes += page.uncompressed;
      for (const bytes of page.bytes) {
        chunk.compressedBytes += bytes.length;
        chunk.pages.push(bytes);
      }
    }
    return chunk;
  }

  #endPage(): void {
    const levels: Buffer[] = [];
    for (const encoder of [this.#repetitions, this.#definitions]) {
      if (!encoder) continue;
      const encoded = encoder.take();
      const size = Buffer.alloc(4);
      size.writeUInt32LE(encoded.length);
      levels.push(size, encoded);
    }
    const values =
      this.leaf.type === 'BOOLEAN'
        ? this.#values.subarray(0, Math.ceil(this.#bits / 8))
        : this.#values.subarray(0, this.#length);
    const body = levels.length === 0 ? Buffer.from(values) : Buffer.concat([...levels, values]);
    const page = this.#compressPage(body, this.#pageValues);
    // Looked at in endChunk; until then a failure is not an unhandled one.
    page.catch(() => {});
    this.#pages.push(page);
    this.#chunkValues += this.#pageValues;
    this.#pageValues = 0;
    this.#length = 0;
    this.#bits = 0;
  }

  async #compressPage(body: Buffer, values: number): Promise<{ bytes: Buffer[]; uncompressed: number }> {
    const compressed = await compress(body, this.#compression, this.#level);
    const header = new CompactWriter();
    header.i32(1, 0);
    header.i32(2, body.length);
    header.i32(3, compressed.length);
    header.struct(5, () => {
      header.i32(1, values);
      header.i32(2, 0);
      header.i32(3, 3);
      header.i32(4, 3);
    });
    const bytes = header.end();
    return { bytes: [bytes, compressed], uncompressed: bytes.length + body.length };
  }

  #addText(value: string): void {
    // Three bytes a UTF-16 unit is the most that UTF-8 takes.
    this.#room(4 + value.length * 3);
    const size = this.#values.write(value, this.#length + 4);
    this.#values.writeUInt32LE(size, this.#length);
    this.#length += 4 + size;
    this.bytes -= value.length * 3 - size;
    this.#seeBytes(this.#length - size, size);
  }

  #addBytes(value: Uint8Array): void {
    this.#room(4 + value.length);
    this.#values.writeUInt32LE(value.length, this.#length);
    this.#values.set(value, this.#length + 4);
    this.#length += 4 + value.length;
    this.#seeBytes(this.#length - value.length, value.length);
  }

  #seeBytes(start: number, size: number): void {
    if (!this.#comparable) return;
    if (size > LONGEST_STATISTIC || this.leaf.logical === 'JSON') {
      this.#comparable = false;
      return;
    }
    const value = this.#values.subarray(start, start + size);
    const min = this.#min as Buffer | undefined;
    if (min === undefined || value.compare(min) < 0) this.#min = Buffer.from(value);
    if (this.#max === undefined || value.compare(this.#max as Buffer) > 0) this.#max = Buffer.from(value);
  }

  #addBit(value: boolean): void {
    this.#room(1);
    const at = this.#bits >> 3;
    const bit = this.#bits & 7;
    if (bit === 0) {
      this.#values[at] = 0;
      this.#length = at + 1;
    }
    if (value) this.#values[at]! |= 1 << bit;
    this.#bits++;
    this.#seeNumber(value ? 1 : 0);
  }

  #addInt64(value: number | bigint): void {
    this.#room(8);
    if (typeof value === 'bigint') this.#values.writeBigInt64LE(value, this.#length);
    else {
      const high = Math.floor(value / 0x1_0000_0000);
      this.#values.writeUInt32LE(value - high * 0x1_0000_0000, this.#length);
      this.#values.writeInt32LE(high, this.#length + 4);
    }
    this.#length += 8;
    this.#seeNumber(value);
  }

  #addNumber(value: number): void {
    this.#room(8);
    if (this.leaf.type === 'INT32') this.#length = this.#values.writeInt32LE(value, this.#length);
    else if (this.leaf.type === 'FLOAT') this.#length = this.#values.writeFloatLE(value, this.#length);
    else this.#length = this.#values.writeDoubleLE(value, this.#length);
    // NaN has no place in an order.
    if (Number.isNaN(value)) this.#comparable = false;
    this.#seeNumber(value);
  }

  #seeNumber(value: number | bigint): void {
    if (this.#min === undefined || value < (this.#min as number)) this.#min = value;
    if (this.#max === undefined || value > (this.#max as number)) this.#max = value;
  }

  #statistic(value: number | bigint | Buffer): Buffer {
    if (Buffer.isBuffer(value)) return value;
    const bytes = Buffer.alloc(8);
    switch (this.leaf.type) {
      case 'BOOLEAN':
        bytes[0] = Number(value);
        return bytes.subarray(0, 1);
      case 'INT32':
        bytes.writeInt32LE(Number(value));
        return bytes.subarray(0, 4);
      case 'FLOAT':
        bytes.writeFloatLE(Number(value));
        return bytes.subarray(0, 4);
      case 'DOUBLE':
        bytes.writeDoubleLE(Number(value));
        return bytes;
      default:
        bytes.writeBigInt64LE(BigInt(value));
        return bytes;
    }
  }

  #room(more: number): void {
    this.bytes += more;
    const needed = this.#length + more;
    if (needed <= this.#values.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#values.length * 2, 1024));
    this.#values.copy(larger, 0, 0, this.#length);
    this.#values = larger;
  }

  #wrong(value: unknown): SluiceError {
    return new SluiceError(
      'BAD_SPEC',
      `The Parquet column "${this.leaf.name}" takes ${this.leaf.logical ?? this.leaf.type}, not ${typeof value}.`,
    );
  }
}
