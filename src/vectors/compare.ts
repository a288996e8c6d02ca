import { isDeepStrictEqual } from 'node:util';
import type { VectorObject } from './object.ts';

/**
 * What differs between two readings of an object: names such as `vector`, `vectors.title`,
 * `properties.date`. Times are not compared. Coordinates are equal when they are the same float32.
 */
export function differences(a: VectorObject, b: VectorObject): string[] {
  const found: string[] = [];
  if (!sameBytes(a.vector, b.vector)) found.push('vector');
  for (const name of names(a.vectors, b.vectors)) {
    if (!sameBytes(a.vectors?.[name], b.vectors?.[name])) found.push(`vectors.${name}`);
  }
  for (const name of names(a.multiVectors, b.multiVectors)) {
    const x = a.multiVectors?.[name] ?? [];
    const y = b.multiVectors?.[name] ?? [];
    if (x.length !== y.length || x.some((bytes, i) => !sameBytes(bytes, y[i]))) found.push(`vectors.${name}`);
  }
  for (const name of names(a.properties, b.properties)) {
    if (!isDeepStrictEqual(canonical(a.properties[name]), canonical(b.properties[name]))) {
      found.push(`properties.${name}`);
    }
  }
  for (const name of names(a.references, b.references)) {
    if (!isDeepStrictEqual(a.references?.[name], b.references?.[name])) found.push(`references.${name}`);
  }
  return found;
}

function names(a: object | undefined, b: object | undefined): Set<string> {
  return new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** Without nulls, which are the same as nothing, and with coordinates as float32. */
function canonical(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object') return value;
  const fields: Record<string, unknown> = {};
  const geo = 'latitude' in value && 'longitude' in value;
  for (const [name, each] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const inner = canonical(each);
    if (inner !== undefined) fields[name] = geo && typeof inner === 'number' ? Math.fround(inner) : inner;
  }
  return fields;
}
