import { createHash, type Hash } from 'node:crypto';
import { maskedCrc32c } from '../../lake/metadata/crc32c.ts';
import { Encoder, IdentityHash } from './encoding.ts';

const BLOCK_SIZE = 4096;
const RESTART_EVERY = 16;
const FOOTER = 53;
const VERSION_AT = 41;
/** Sequence number 0, kind 1 (set): what follows every key. */
const KEY_TRAILER = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** A table that was written. */
export interface WrittenTable {
  /** As lakeFS names it: the hash of its records and its type. */
  id: string;
  bytes: Buffer;
  minKey: Buffer;
  maxKey: Buffer;
  count: number;
}

/** Writes SSTables as lakeFS's are, without compression: see lake/metadata/sstable.ts for the format. */
export class TableWriter {
  readonly #type: 'ranges' | 'metaranges';
  readonly #hash: Hash | undefined;
  readonly #id: string | undefined;
  readonly #parts: Buffer[] = [];
  readonly #index = new BlockBuilder(1);
  #data = new BlockBuilder(RESTART_EVERY);
  #offset = 0;
  #minKey: Buffer | undefined;
  #maxKey: Buffer = Buffer.alloc(0);
  #count = 0;

  /** @param id given where it must be known before the content; else it is the content's hash */
  constructor(type: 'ranges' | 'metaranges', id?: string) {
    this.#type = type;
    this.#id = id;
    this.#hash = id === undefined ? createHash('sha256') : undefined;
  }

  /** Keys must come in order. */
  add(key: Buffer, value: Buffer): void {
    this.#hash?.update(`${key.length}`).update(key).update(`|${value.length}`).update(value).update('|');
    this.#minKey ??= key;
    this.#maxKey = key;
    this.#count++;
    this.#data.add(key, value, KEY_TRAILER);
    if (this.#data.size >= BLOCK_SIZE) this.#endBlock();
  }

  finish(): WrittenTable {
    this.#endBlock();
    const minKey = this.#minKey ?? Buffer.alloc(0);
    const properties: Record<string, string | Buffer> = {
      count: String(this.#count),
      estimated_size_bytes: String(this.#offset),
      max_key: this.#maxKey,
      min_key: minKey,
      'rocksdb.block.based.table.index.type': Buffer.alloc(4),
      type: this.#type,
    };
    const propertyBlock = new BlockBuilder(1);
    for (const name of Object.keys(properties).sort())
      propertyBlock.add(Buffer.from(name), Buffer.from(properties[name]!));
    const metaIndex = new BlockBuilder(1);
    metaIndex.add(Buffer.from('rocksdb.properties'), this.#write(propertyBlock));
    const footer = Buffer.alloc(FOOTER);
    footer[0] = 1;
    const handles = Buffer.concat([this.#write(metaIndex), this.#write(this.#index)]);
    handles.copy(footer, 1);
    footer.writeUInt32LE(2, VERSION_AT);
    footer.write('f7cff485b741e288', VERSION_AT + 4, 'hex');
    return {
      // After its records lakeFS hashes a table's properties.
      id: this.#id ?? new IdentityHash(this.#hash).map({ type: this.#type }).digest().toString('hex'),
      bytes: Buffer.concat([...this.#parts, footer]),
      minKey,
      maxKey: this.#maxKey,
      count: this.#count,
    };
  }

  #endBlock(): void {
    if (this.#data.size === 0) return;
    this.#index.add(this.#maxKey, this.#write(this.#data), KEY_TRAILER);
    this.#data = new BlockBuilder(RESTART_EVERY);
  }

  /** Gives the handle of the block: its offset and length. */
  #write(block: BlockBuilder): Buffer {
    const payload = block.finish();
    const stored = Buffer.concat([payload, Buffer.alloc(5)]);
    stored.writeUInt32LE(maskedCrc32c(stored, 0, payload.length + 1), payload.length + 1);
    const handle = new Encoder().varint(this.#offset).varint(payload.length).take();
    this.#parts.push(stored);
    this.#offset += stored.length;
    return handle;
  }
}

class BlockBuilder {
  readonly #encoder = new Encoder();
  readonly #every: number;
  readonly #restarts: number[] = [];
  #last: Buffer = Buffer.alloc(0);
  #count = 0;

  constructor(restartEvery: number) {
    this.#every = restartEvery;
  }

  get size(): number {
    return this.#encoder.length;
  }

  /** @param trailer goes after the key; it is never shared */
  add(key: Buffer, value: Buffer, trailer: Buffer = Buffer.alloc(0)): void {
    let shared = 0;
    if (this.#count++ % this.#every === 0) this.#restarts.push(this.size);
    else while (shared < key.length && key[shared] === this.#last[shared]) shared++;
    this.#encoder
      .varint(shared)
      .varint(key.length - shared + trailer.length)
      .varint(value.length)
      .raw(key.subarray(shared))
      .raw(trailer)
      .raw(value);
    this.#last = key;
  }

  finish(): Buffer {
    const restarts = this.#restarts.length > 0 ? this.#restarts : [0];
    const trailer = Buffer.alloc((restarts.length + 1) * 4);
    for (const [i, offset] of restarts.entries()) trailer.writeUInt32LE(offset, i * 4);
    trailer.writeUInt32LE(restarts.length, restarts.length * 4);
    return this.#encoder.raw(trailer).take();
  }
}
