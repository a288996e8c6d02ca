import { floatBytes, referencesOf, type VectorObject } from '../object.ts';

/** A row of Weaviate's own layout back into the object it was made of. */
export function fromWeaviateRow(row: Record<string, unknown>): VectorObject {
  const object: VectorObject = {
    id: textOf(row.id),
    created: Number(row.creation_time),
    updated: Number(row.update_time),
    properties: {},
  };
  const vector = row.vector as Uint8Array | undefined | null;
  if (vector && vector.length > 0) object.vector = vector;
  const named = parse<Record<string, number[]>>(row.named_vectors);
  if (named) object.vectors = mapValues(named, (values) => floatBytes(values));
  const multi = parse<Record<string, number[][]>>(row.multi_vectors);
  if (multi) object.multiVectors = mapValues(multi, (list) => list.map((values) => floatBytes(values)));
  for (const [name, value] of Object.entries(parse<Record<string, unknown>>(row.properties) ?? {})) {
    const references = referencesOf(value);
    if (references) {
      object.references ??= {};
      object.references[name] = references;
    } else if (value !== null) object.properties[name] = value;
  }
  return object;
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

/** Empty columns and empty objects alike give undefined. */
function parse<T extends object>(value: unknown): T | undefined {
  if (value === null || value === undefined) return undefined;
  const text = textOf(value);
  const parsed = text === '' ? null : (JSON.parse(text) as T | null);
  return parsed && Object.keys(parsed).length > 0 ? parsed : undefined;
}

function mapValues<T, U>(values: Record<string, T>, convert: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, convert(value)]));
}
