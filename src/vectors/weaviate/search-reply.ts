import type { VectorObject } from '../object.ts';
import { splitMultiVector } from '../object.ts';
import { MULTI_FP32 } from './messages.ts';
import { ProtoReader } from './protobuf.ts';

/**
 * Reads a SearchReply (field numbers: messages.ts) straight into objects. Vectors are views of the reply's
 * bytes, nothing is copied but texts and numbers: this is where an export spends its time.
 */
export function readSearchReply(bytes: Buffer): VectorObject[] {
  const objects: VectorObject[] = [];
  const reply = new ProtoReader(bytes);
  while (!reply.done) {
    const tag = reply.varint();
    if (tag >> 3 === 2) objects.push(readResult(reply.nested()));
    else reply.skip(tag & 7);
  }
  return objects;
}

function readResult(result: ProtoReader): VectorObject {
  const object: VectorObject = { id: '', created: 0, updated: 0, properties: {} };
  while (!result.done) {
    const tag = result.varint();
    if (tag >> 3 === 1) {
      const properties = result.nested();
      while (!properties.done) {
        const inner = properties.varint();
        if (inner >> 3 === 11) object.properties = readProperties(properties.nested());
        else properties.skip(inner & 7);
      }
    } else if (tag >> 3 === 2) readMetadata(result.nested(), object);
    else result.skip(tag & 7);
  }
  return object;
}

function readMetadata(metadata: ProtoReader, object: VectorObject): void {
  while (!metadata.done) {
    const tag = metadata.varint();
    switch (tag >> 3) {
      case 1:
        object.id = metadata.string();
        break;
      case 3:
        object.created = metadata.varint();
        break;
      case 5:
        object.updated = metadata.varint();
        break;
      case 19: {
        const vector = metadata.bytes();
        if (vector.length > 0) object.vector = vector;
        break;
      }
      case 23:
        readVector(metadata.nested(), object);
        break;
      default:
        metadata.skip(tag & 7);
    }
  }
}

function readVector(vectors: ProtoReader, object: VectorObject): void {
  let name = '';
  let type = 0;
  let bytes: Buffer | undefined;
  while (!vectors.done) {
    const tag = vectors.varint();
    if (tag >> 3 === 1) name = vectors.string();
    else if (tag >> 3 === 3) bytes = vectors.bytes();
    else if (tag >> 3 === 4) type = vectors.varint();
    else vectors.skip(tag & 7);
  }
  if (!bytes || bytes.length === 0) return;
  if (type === MULTI_FP32) {
    object.multiVectors ??= {};
    object.multiVectors[name] = splitMultiVector(bytes);
  } else {
    object.vectors ??= {};
    object.vectors[name] = bytes;
  }
}

function readProperties(properties: ProtoReader): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  while (!properties.done) {
    const tag = properties.varint();
    if (tag >> 3 !== 1) {
      properties.skip(tag & 7);
      continue;
    }
    const entry = properties.nested();
    let name = '';
    let value: unknown;
    while (!entry.done) {
      const inner = entry.varint();
      if (inner >> 3 === 1) name = entry.string();
      else if (inner >> 3 === 2) value = readValue(entry.nested());
      else entry.skip(inner & 7);
    }
    if (value !== undefined) values[name] = value;
  }
  return values;
}

/** As the REST API shows it; undefined for null. */
function readValue(value: ProtoReader): unknown {
  let read: unknown;
  while (!value.done) {
    const tag = value.varint();
    switch (tag >> 3) {
      case 1:
        read = value.double();
        break;
      case 3:
        read = value.varint() !== 0;
        break;
      case 4:
        read = readProperties(value.nested());
        break;
      case 5:
        read = readList(value.nested());
        break;
      case 6:
      case 7:
      case 10:
      case 13:
        read = value.string();
        break;
      case 8:
        read = value.integer();
        break;
      case 9:
        read = readGeo(value.nested());
        break;
      case 11:
        read = readPhone(value.nested());
        break;
      default:
        value.skip(tag & 7);
    }
  }
  return read;
}

function readList(list: ProtoReader): unknown[] {
  const items: unknown[] = [];
  while (!list.done) {
    const kind = list.varint() >> 3;
    const content = list.nested();
    while (!content.done) {
      const tag = content.varint();
      if (kind === 2 || kind === 7) {
        const packed = content.bytes();
        for (let at = 0; at + 8 <= packed.length; at += 8) {
          items.push(kind === 2 ? packed.readDoubleLE(at) : readInt64(packed, at));
        }
      } else if (kind === 3) {
        const end = (tag & 7) === 2 ? content.varint() + content.at : content.at + 1;
        while (content.at < end) items.push(content.varint() !== 0);
      } else if (kind === 4) items.push(readProperties(content.nested()));
      else items.push(content.string());
    }
  }
  return items;
}

function readInt64(bytes: Buffer, at: number): number | bigint {
  const exact = bytes.readBigInt64LE(at);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

function readGeo(geo: ProtoReader): { latitude: number; longitude: number } {
  const read = { latitude: 0, longitude: 0 };
  while (!geo.done) {
    const tag = geo.varint();
    if (tag >> 3 === 1) read.longitude = geo.float();
    else if (tag >> 3 === 2) read.latitude = geo.float();
    else geo.skip(tag & 7);
  }
  return read;
}

const PHONE = [
  '',
  'countryCode',
  'defaultCountry',
  'input',
  'internationalFormatted',
  'national',
  'nationalFormatted',
  'valid',
];

function readPhone(phone: ProtoReader): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  while (!phone.done) {
    const tag = phone.varint();
    const name = PHONE[tag >> 3];
    if (name === undefined) phone.skip(tag & 7);
    else if (name === 'valid') read[name] = phone.varint() !== 0;
    else read[name] = (tag & 7) === 2 ? phone.string() : phone.integer();
  }
  return read;
}
