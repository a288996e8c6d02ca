import { createHash, type Hash } from 'node:crypto';
import type { TreeEntry } from './tree.ts';

/** Writes numbers and texts as varints and protobuf fields. */
export class Encoder {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  varint(value: number): this {
    this.#room(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** As Go's binary.PutVarint: zigzag. */
  signed(value: number): this {
    return this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A protobuf field of bytes or text; an empty one is left out. */
  field(number: number, value: string | Uint8Array): this {
    if (value.length === 0) return this;
    this.varint(number * 8 + 2);
    if (typeof value !== 'string') return this.varint(value.length).raw(value);
    const length = Buffer.byteLength(value);
    this.varint(length).#room(length);
    this.#bytes.write(value, this.#length);
    this.#length += length;
    return this;
  }

  /** A protobuf field of an unsigned number; 0 is left out. */
  numberField(number: number, value: number): this {
    return value === 0 ? this : this.varint(number * 8).varint(value);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, as a copy; the encoder can go on from nothing. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe((this.#length + bytes) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

const whole = new Encoder();
const inner = new Encoder();

/** The value of a record: identity and data, each with its length. */
export function recordValue(identity: Uint8Array, data: Uint8Array): Buffer {
  return whole.signed(identity.length).raw(identity).signed(data.length).raw(data).take();
}

/** Protobuf Entry. */
export function entryData(entry: TreeEntry): Buffer {
  whole.field(1, entry.address);
  whole.field(2, inner.numberField(1, entry.mtime).take());
  whole.numberField(3, entry.size).field(4, entry.checksum);
  for (const [name, value] of Object.entries(entry.metadata ?? {}))
    whole.field(5, inner.field(1, name).field(2, value).take());
  return whole
    .numberField(6, entry.full ? 2 : 1)
    .field(7, entry.contentType)
    .take();
}

/** Protobuf RangeData. */
export function rangeData(minKey: Uint8Array, maxKey: Uint8Array, size: number, count: number): Buffer {
  return new Encoder().field(1, minKey).field(2, maxKey).numberField(3, size).numberField(4, count).take();
}

/**
 * Hashes values the way lakeFS makes its ids: each with its type and length before it.
 *
 * Source: https://github.com/treeverse/lakeFS/tree/master/pkg/ident
 */
export class IdentityHash {
  readonly #hash: Hash;

  /** @param hash what was hashed before, to go on with */
  constructor(hash: Hash = createHash('sha256')) {
    this.#hash = hash;
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    return this.#type(1).number(bytes.length).#write(bytes);
  }

  bytes(value: Uint8Array): this {
    return this.#type(0).number(value.length).#write(value);
  }

  number(value: number): this {
    const bytes = Buffer.alloc(10);
    bytes[0] = 2;
    bytes[1] = 8;
    bytes.writeBigInt64BE(BigInt(value), 2);
    return this.#write(bytes);
  }

  texts(values: readonly string[]): this {
    this.#type(3).number(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  map(values: Readonly<Record<string, string>>): this {
    const names = Object.keys(values).sort();
    this.#type(4).number(names.length);
    for (const name of names) this.text(name).text(values[name]!);
    return this;
  }

  /** The identity of something that has one itself. */
  embedded(identity: Uint8Array): this {
    return this.#type(5).bytes(identity);
  }

  digest(): Buffer {
    return this.#hash.digest();
  }

  #type(type: number): this {
    return this.#write(Buffer.from([type]));
  }

  #write(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }
}

const identities = new WeakMap<TreeEntry, Buffer>();

/** Equal for entries of equal size, checksum, metadata and content type, wherever their bytes lie. */
export function identityOf(entry: TreeEntry): Buffer {
  let identity = identities.get(entry);
  if (!identity) {
    const hash = new IdentityHash()
      .number(entry.size)
      .text(entry.checksum)
      .map(entry.metadata ?? {});
    if (entry.contentType !== '') hash.text(entry.contentType);
    identity = hash.digest();
    identities.set(entry, identity);
  }
  return identity;
}
