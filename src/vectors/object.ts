/** One object of a class, whatever it was read from. */
export interface VectorObject {
  /** UUID, lower case. */
  id: string;
  /** Milliseconds since 1970. */
  created: number;
  updated: number;
  /** float32, little-endian; also of the named vectors. */
  vector?: Uint8Array;
  vectors?: Record<string, Uint8Array>;
  /** Named vectors that are lists of vectors. */
  multiVectors?: Record<string, Uint8Array[]>;
  /** As in the REST API's JSON, without references; null properties are left out. */
  properties: Record<string, unknown>;
  references?: Record<string, Reference[]>;
  /** Only its id and times could be read. */
  unreadable?: true;
}

export interface Reference {
  id: string;
  /** Not there in beacons of old servers. */
  className?: string;
}

/** `weaviate://localhost/<class>/<uuid>`, the form in which Weaviate stores a reference. */
export function toBeacon({ id, className }: Reference): string {
  return `weaviate://localhost/${className ? `${className}/` : ''}${id}`;
}

/** @returns undefined for a text that is no beacon */
export function fromBeacon(beacon: string): Reference | undefined {
  const match = /^weaviate:\/\/[^/]+\/(?:([^/]+)\/)?([0-9a-fA-F-]{36})$/.exec(beacon);
  if (!match) return undefined;
  const id = match[2]!.toLowerCase();
  return match[1] === undefined ? { id } : { id, className: match[1] };
}

/** A reference property's value is a list of beacons; nothing else looks like one. */
export function referencesOf(value: unknown): Reference[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const references: Reference[] = [];
  for (const each of value as ({ beacon?: unknown } | null)[]) {
    const reference = typeof each?.beacon === 'string' ? fromBeacon(each.beacon) : undefined;
    if (!reference) return undefined;
    references.push(reference);
  }
  return references;
}

/** A view of the bytes as floats where their place in memory allows it, else a copy. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }
  return new Float32Array(new Uint8Array(bytes).buffer);
}

export function floatBytes(values: Iterable<number> | Float32Array): Uint8Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

/** A named vector that is a list of vectors comes as its dimensions (uint16) and all floats. */
export function splitMultiVector(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < 2) return [];
  const size = (bytes[0]! | (bytes[1]! << 8)) * 4;
  const vectors: Uint8Array[] = [];
  if (size === 0) return vectors;
  for (let at = 2; at + size <= bytes.length; at += size) vectors.push(bytes.subarray(at, at + size));
  return vectors;
}

export function joinMultiVector(vectors: readonly Uint8Array[]): Uint8Array {
  const joined = Buffer.concat([Buffer.alloc(2), ...vectors]);
  joined.writeUInt16LE((vectors[0]?.length ?? 0) / 4);
  return joined;
}
