/**
 * Protocol Buffers' wire format (protobuf.dev, "Encoding"), by field tables: messages are plain objects.
 * For replies whose size matters there is a reader of its own (search-reply.ts).
 */
export type Scalar = 'string' | 'bytes' | 'bool' | 'int' | 'float' | 'double';

export interface Field {
  id: number;
  /** `int` is every integer type and enum that is not zigzag-coded; beyond 2^53 a bigint is given. */
  type: Scalar | Message;
  repeated?: boolean;
  /** A map with string keys; `type` is that of its values. */
  map?: boolean;
}

/** Fields by name. A thunk lets messages hold themselves. */
export type Message = () => Record<string, Field>;

export type Fields = Record<string, unknown>;

/** Grows as it is written. Length-delimited content is written first and its length put before it. */
export class ProtoWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  tag(id: number, wireType: number): void {
    this.varint(id * 8 + wireType);
  }

  varint(value: number | bigint): void {
    this.#room(10);
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest >= 0x80n) {
        this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
        rest >>= 7n;
      }
      this.#bytes[this.#length++] = Number(rest);
      return;
    }
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  float(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  double(value: number): void {
    this.#room(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.#room(size);
    this.#bytes.write(value, this.#length);
    this.#length += size;
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  nested(write: () => void): void {
    const start = this.#length;
    write();
    const size = this.#length - start;
    let prefix = 1;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 0x80)) prefix++;
    this.#room(prefix);
    this.#bytes.copyWithin(start + prefix, start, this.#length);
    this.#length = start;
    this.varint(size);
    this.#length += size;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

export function encode(message: Message, value: Fields): Buffer {
  const out = new ProtoWriter();
  writeMessage(out, message, value);
  return out.done();
}

function writeMessage(out: ProtoWriter, message: Message, value: Fields): void {
  const fields = message();
  for (const [name, item] of Object.entries(value)) {
    const field = fields[name];
    if (!field || item === undefined || item === null) continue;
    if (field.map) {
      for (const [key, each] of Object.entries(item as Fields)) {
        out.tag(field.id, 2);
        out.nested(() => {
          out.tag(1, 2);
          out.string(key);
          writeField(out, { id: 2, type: field.type }, each);
        });
      }
    } else if (field.repeated) {
      for (const each of item as unknown[]) writeField(out, field, each);
    } else writeField(out, field, item);
  }
}

function writeField(out: ProtoWriter, { id, type }: Field, value: unknown): void {
  if (typeof type === 'function') {
    out.tag(id, 2);
    out.nested(() => writeMessage(out, type, value as Fields));
  } else if (type === 'string') {
    out.tag(id, 2);
    out.string(value as string);
  } else if (type === 'bytes') {
    out.tag(id, 2);
    out.bytes(value as Uint8Array);
  } else if (type === 'float') {
    out.tag(id, 5);
    out.float(value as number);
  } else if (type === 'double') {
    out.tag(id, 1);
    out.double(value as number);
  } else {
    out.tag(id, 0);
    out.varint(typeof value === 'boolean' ? Number(value) : (value as number | bigint));
  }
}

/** Reads one message's bytes; the caller takes tags until `done`. */
export class ProtoReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** An unsigned integer; above 2^53 it loses its low bits, use `integer` where that can be. */
  varint(): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buffer[this.at++]!;
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
      scale *= 0x80;
    }
  }

  /** A signed integer of 64 bits; a bigint only where a number cannot hold it. */
  integer(): number | bigint {
    const start = this.at;
    const quick = this.varint();
    if (quick <= Number.MAX_SAFE_INTEGER) return quick;
    let exact = 0n;
    for (let at = start, shift = 0n; at < this.at; at++, shift += 7n) {
      exact |= BigInt(this.buffer[at]! & 0x7f) << shift;
    }
    const signed = BigInt.asIntN(64, exact);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  float(): number {
    this.at += 4;
    return this.buffer.readFloatLE(this.at - 4);
  }

  double(): number {
    this.at += 8;
    return this.buffer.readDoubleLE(this.at - 8);
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const size = this.varint();
    this.at += size;
    return this.buffer.subarray(this.at - size, this.at);
  }

  string(): string {
    const size = this.varint();
    this.at += size;
    return this.buffer.toString('utf8', this.at - size, this.at);
  }

  nested(): ProtoReader {
    const size = this.varint();
    this.at += size;
    return new ProtoReader(this.buffer, this.at - size, this.at);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 2) {
      const size = this.varint();
      this.at += size;
    } else this.at += 4;
  }
}

/** Fields that are not in the table are left out; those that did not come are missing, repeated ones and maps empty. */
export function decode(message: Message, bytes: Uint8Array): Fields {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readMessage(message, new ProtoReader(buffer));
}

function readMessage(message: Message, reader: ProtoReader): Fields {
  const fields = message();
  const byId = new Map(Object.entries(fields).map(([name, field]) => [field.id, { name, field }]));
  const value: Fields = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.map) value[name] = {};
    else if (field.repeated) value[name] = [];
  }
  while (!reader.done) {
    const tag = reader.varint();
    const known = byId.get(Math.floor(tag / 8));
    if (!known) {
      reader.skip(tag & 7);
      continue;
    }
    const { name, field } = known;
    if (field.map) {
      const entry = readMessage(
        () => ({ key: { id: 1, type: 'string' }, value: { id: 2, type: field.type } }),
        reader.nested(),
      );
      (value[name] as Fields)[(entry.key as string | undefined) ?? ''] = entry.value;
    } else if (field.repeated && (tag & 7) === 2 && isNumeric(field.type)) {
      const packed = reader.nested();
      while (!packed.done) (value[name] as unknown[]).push(readValue(field.type, packed));
    } else if (field.repeated) (value[name] as unknown[]).push(readValue(field.type, reader));
    else value[name] = readValue(field.type, reader);
  }
  return value;
}

function isNumeric(type: Field['type']): boolean {
  return type === 'bool' || type === 'int' || type === 'float' || type === 'double';
}

function readValue(type: Field['type'], reader: ProtoReader): unknown {
  if (typeof type === 'function') return readMessage(type, reader.nested());
  if (type === 'string') return reader.string();
  if (type === 'bytes') return reader.bytes();
  if (type === 'bool') return reader.varint() !== 0;
  if (type === 'float') return reader.float();
  if (type === 'double') return reader.double();
  return reader.integer();
}
