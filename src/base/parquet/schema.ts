/** The columns of a Parquet file as a tree, and the functions that name them. */
export type PhysicalType = 'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'BYTE_ARRAY';
export type LogicalType = 'STRING' | 'JSON' | 'DATE' | 'TIMESTAMP_MILLIS' | 'TIMESTAMP_MICROS';

export interface Leaf {
  kind: 'leaf';
  name: string;
  required: boolean;
  type: PhysicalType;
  logical?: LogicalType;
}

export interface Struct {
  kind: 'struct';
  name: string;
  required: boolean;
  children: Column[];
}

export interface List {
  kind: 'list';
  name: string;
  required: boolean;
  /** Called `element` in the file, whatever its own name is. */
  element: Column;
}

/** Keys are required; `key` and `value` are called so in the file. */
export interface MapColumn {
  kind: 'map';
  name: string;
  required: boolean;
  key: Column;
  value: Column;
}

export type Column = Leaf | Struct | List | MapColumn;

interface Options {
  /** Never null; optional when left out. */
  required?: boolean;
}

const leaf =
  (type: PhysicalType, logical?: LogicalType) =>
  (name: string, { required = false }: Options = {}): Leaf => ({
    kind: 'leaf',
    name,
    required,
    type,
    ...(logical ? { logical } : {}),
  });

/** Values: booleans. */
export const boolean = leaf('BOOLEAN');
/** Values: integers of 32 bits. */
export const int32 = leaf('INT32');
/** Values: integers as number (up to 2^53) or bigint. */
export const int64 = leaf('INT64');
/** Values: numbers; lists of floats also take a Float32Array, or their little-endian bytes as a Uint8Array. */
export const float = leaf('FLOAT');
/** Values: numbers. */
export const double = leaf('DOUBLE');
/** Values: Uint8Array, or a string that is written as UTF-8. */
export const binary = leaf('BYTE_ARRAY');
/** Values: strings, or their UTF-8 bytes as a Uint8Array. */
export const string = leaf('BYTE_ARRAY', 'STRING');
/** Values: JSON as text, or its UTF-8 bytes as a Uint8Array. */
export const json = leaf('BYTE_ARRAY', 'JSON');
/** Values: days since 1970-01-01. */
export const date = leaf('INT32', 'DATE');
/** Values: milliseconds since 1970-01-01 UTC, number or bigint. */
export const timestampMillis = leaf('INT64', 'TIMESTAMP_MILLIS');
/** Values: microseconds since 1970-01-01 UTC, number or bigint. */
export const timestampMicros = leaf('INT64', 'TIMESTAMP_MICROS');

/** Values: objects with the children's names; what is missing is null. */
export function struct(name: string, children: Column[], { required = false }: Options = {}): Struct {
  return { kind: 'struct', name, required, children };
}

/** Values: arrays. */
export function list(name: string, element: Column, { required = false }: Options = {}): List {
  return { kind: 'list', name, required, element };
}

/** Values: a Map, or an object whose keys are strings. */
export function map(name: string, key: Column, value: Column, { required = false }: Options = {}): MapColumn {
  return { kind: 'map', name, required, key, value };
}

/** One line of the file's flattened schema. */
export interface SchemaElement {
  name: string;
  repetition?: 'REQUIRED' | 'OPTIONAL' | 'REPEATED';
  type?: PhysicalType;
  logical?: LogicalType | 'LIST' | 'MAP';
  children?: number;
}

/** The tree in depth-first order under its root, as the footer holds it; lists and maps in their three-level form (Parquet format, LogicalTypes.md). */
export function schemaElements(columns: readonly Column[]): SchemaElement[] {
  const elements: SchemaElement[] = [{ name: 'schema', children: columns.length }];
  const add = (column: Column, name = column.name, required = column.required): void => {
    const repetition = required ? 'REQUIRED' : 'OPTIONAL';
    if (column.kind === 'leaf') {
      elements.push({ name, repetition, type: column.type, logical: column.logical });
    } else if (column.kind === 'struct') {
      elements.push({ name, repetition, children: column.children.length });
      for (const child of column.children) add(child);
    } else if (column.kind === 'list') {
      elements.push({ name, repetition, logical: 'LIST', children: 1 });
      elements.push({ name: 'list', repetition: 'REPEATED', children: 1 });
      add(column.element, 'element');
    } else {
      elements.push({ name, repetition, logical: 'MAP', children: 1 });
      elements.push({ name: 'key_value', repetition: 'REPEATED', children: 2 });
      add(column.key, 'key', true);
      add(column.value, 'value');
    }
  };
  for (const column of columns) add(column);
  return elements;
}
