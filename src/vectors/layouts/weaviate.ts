import * as parquet from '../../base/parquet/schema.ts';
import { floatsOf, toBeacon, type VectorObject } from '../object.ts';
import type { Layout, LayoutOptions } from './layout.ts';
import { jsonText } from './typed.ts';

/**
 * The columns of Weaviate's own export (1.37): times as milliseconds, the vector as little-endian float32,
 * everything else as JSON. A file holds one tenant, which its metadata names.
 */
export function weaviateLayout({ schema, properties, vectors }: LayoutOptions): Layout {
  const known = new Set(schema.properties?.map((property) => property.name));
  const wanted = (name: string) => properties.has(name) || !known.has(name);
  return {
    name: 'weaviate',
    columns: [
      parquet.string('id', { required: true }),
      parquet.int64('creation_time', { required: true }),
      parquet.int64('update_time', { required: true }),
      parquet.binary('vector'),
      parquet.binary('named_vectors'),
      parquet.binary('multi_vectors'),
      parquet.binary('properties'),
    ],
    row(object) {
      const { vector, vectors: named, multiVectors } = vectors ? object : ({} as VectorObject);
      return {
        id: object.id,
        creation_time: object.created,
        update_time: object.updated,
        vector,
        named_vectors: named && byName(named, (bytes) => floatNumbers(bytes)),
        multi_vectors: multiVectors && byName(multiVectors, (list) => list.map(floatNumbers)),
        properties: propertiesJson(object, wanted),
      };
    },
    async metadata({ tenant, exportId }) {
      return {
        collection: schema.class,
        class_name: schema.class,
        ...(tenant === undefined ? {} : { tenant }),
        schema: JSON.stringify(schema),
        sluice: JSON.stringify({ layout: 'weaviate', exportId }),
      };
    },
  };
}

function byName<T>(values: Record<string, T>, convert: (value: T) => unknown): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, convert(value)])),
  );
}

/** Floats as the shortest decimals that are the same float32, as Weaviate writes them. */
function floatNumbers(bytes: Uint8Array): number[] {
  return Array.from(floatsOf(bytes), shortest);
}

function shortest(float: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(float.toPrecision(digits));
    if (Math.fround(rounded) === float) return rounded;
  }
  return float;
}

function propertiesJson(object: VectorObject, wanted: (name: string) => boolean): string {
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object.properties)) {
    if (wanted(name)) properties[name] = withShortGeo(value);
  }
  for (const [name, references] of Object.entries(object.references ?? {})) {
    if (wanted(name)) properties[name] = references.map((each) => ({ beacon: toBeacon(each) }));
  }
  return jsonText(properties);
}

/** Coordinates are float32 too. */
function withShortGeo(value: unknown): unknown {
  const geo = value as { latitude?: unknown; longitude?: unknown } | null;
  if (geo === null || typeof geo !== 'object') return value;
  if (typeof geo.latitude !== 'number' || typeof geo.longitude !== 'number') return value;
  return { latitude: shortest(Math.fround(geo.latitude)), longitude: shortest(Math.fround(geo.longitude)) };
}
