import type { Json } from '../base/json.ts';

/** A class as `GET /v1/schema` gives it; what Sluice does not look at is kept as it is. */
export interface ClassSchema {
  class: string;
  properties?: PropertySchema[];
  multiTenancyConfig?: { enabled?: boolean; [more: string]: Json | undefined };
  vectorConfig?: Record<string, VectorConfig>;
  [more: string]: unknown;
}

export interface VectorConfig {
  vectorIndexConfig?: { multivector?: { enabled?: boolean } };
  [more: string]: unknown;
}

export interface PropertySchema {
  name: string;
  dataType: string[];
  nestedProperties?: PropertySchema[];
  [more: string]: unknown;
}

/** References name classes, which begin with a capital letter; every other data type begins with a small one. */
export function isReference(property: PropertySchema): boolean {
  return /^[A-Z]/.test(property.dataType[0] ?? '');
}

/** Data type `string` is the name that `text` had before 1.19. */
export function baseType(property: PropertySchema): { type: string; array: boolean } {
  const name = property.dataType[0] ?? 'text';
  const array = name.endsWith('[]');
  const type = array ? name.slice(0, -2) : name;
  return { type: type === 'string' ? 'text' : type, array };
}

export function isMultiTenant(schema: ClassSchema): boolean {
  return schema.multiTenancyConfig?.enabled === true;
}

export function vectorNames(schema: ClassSchema): string[] {
  return Object.keys(schema.vectorConfig ?? {}).sort();
}

/** Whether the class has a vector without a name, beside or in place of named ones. */
export function hasOwnVector(schema: ClassSchema): boolean {
  return vectorNames(schema).length === 0 || Boolean(schema.vectorIndexType);
}

/** A named vector that is a list of vectors (ColBERT and its like). */
export function isMultiVector(schema: ClassSchema, name: string): boolean {
  return schema.vectorConfig?.[name]?.vectorIndexConfig?.multivector?.enabled === true;
}

/** What decides the columns of files, as text: equal for schemas whose objects are read the same way. */
export function shapeOf(schema: ClassSchema): string {
  const shape = (properties: PropertySchema[] = []): unknown =>
    properties
      .map((property) => [property.name, property.dataType, shape(property.nestedProperties)])
      .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  return JSON.stringify([
    shape(schema.properties),
    vectorNames(schema).map((name) => [name, isMultiVector(schema, name)]),
    isMultiTenant(schema),
  ]);
}
