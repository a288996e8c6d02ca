import { SluiceError } from '../../base/errors.ts';
import type { VectorFile } from '../layouts/file.ts';
import type { ClassSchema, PropertySchema } from '../schema.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * A schema for a file that brings none (Weaviate's own export), by the values of its first rows: what a
 * Weaviate would make of them itself. To have another, make the class before the import.
 */
export async function inferSchema(file: VectorFile): Promise<ClassSchema> {
  const samples = new Map<string, unknown[]>();
  const targets = new Map<string, Set<string>>();
  const vectors = new Map<string, boolean>();
  let ownVector = false;
  for (const { object } of file.rowGroups > 0 ? await file.group(0) : []) {
    for (const [name, value] of Object.entries(object.properties)) {
      const list = samples.get(name) ?? [];
      list.push(value);
      samples.set(name, list);
    }
    for (const [name, references] of Object.entries(object.references ?? {})) {
      const classes = targets.get(name) ?? new Set();
      for (const { className } of references) if (className) classes.add(className);
      targets.set(name, classes);
    }
    ownVector ||= object.vector !== undefined;
    for (const name of Object.keys(object.vectors ?? {})) vectors.set(name, false);
    for (const name of Object.keys(object.multiVectors ?? {})) vectors.set(name, true);
  }
  const schema: ClassSchema = {
    class: file.className,
    properties: [
      ...[...samples].map(([name, values]) => inferProperty(name, values)),
      ...[...targets].map(([name, classes]) => ({ name, dataType: [...classes] })),
    ],
  };
  if (file.tenant !== undefined) schema.multiTenancyConfig = { enabled: true };
  if (vectors.size > 0) {
    schema.vectorConfig = Object.fromEntries(
      [...vectors].map(([name, multi]) => [
        name,
        {
          vectorizer: { none: {} },
          vectorIndexType: 'hnsw',
          ...(multi ? { vectorIndexConfig: { multivector: { enabled: true } } } : {}),
        },
      ]),
    );
  }
  if (ownVector || vectors.size === 0) schema.vectorizer = 'none';
  return schema;
}

function inferProperty(name: string, values: unknown[]): PropertySchema {
  const all = values.flat();
  const array = values.some(Array.isArray) ? '[]' : '';
  const is = (test: (value: unknown) => boolean): boolean => all.length > 0 && all.every(test);
  const of = (type: string): PropertySchema => ({ name, dataType: [`${type}${array}`] });
  if (is((value) => typeof value === 'boolean')) return of('boolean');
  if (is((value) => typeof value === 'number' || typeof value === 'bigint')) return of('number');
  if (is((value) => typeof value === 'string')) {
    if (is((value) => UUID.test(value as string))) return of('uuid');
    return of(is((value) => DATE.test(value as string)) ? 'date' : 'text');
  }
  if (all.length === 0) return of('text');
  if (!is((value) => typeof value === 'object' && value !== null)) {
    throw new SluiceError(
      'BAD_SPEC',
      `The files bring no schema, and the values of "${name}" are of several types; make the class before the import.`,
    );
  }
  const objects = all as Record<string, unknown>[];
  if (objects.every((each) => 'latitude' in each && 'longitude' in each)) return of('geoCoordinates');
  if (objects.every((each) => 'input' in each && 'valid' in each)) return of('phoneNumber');
  const nested = new Map<string, unknown[]>();
  for (const object of objects) {
    for (const [key, value] of Object.entries(object)) nested.set(key, [...(nested.get(key) ?? []), value]);
  }
  return { ...of('object'), nestedProperties: [...nested].map(([key, list]) => inferProperty(key, list)) };
}
