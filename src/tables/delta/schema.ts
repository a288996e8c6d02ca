import { SluiceError } from '../../base/errors.ts';

/** A Delta type (protocol, "Schema Serialization Format"): a name such as `decimal(10,2)`, or a nested type. */
export type DeltaType = string | StructType | ArrayType | MapType;

export interface StructType {
  type: 'struct';
  fields: StructField[];
}

export interface ArrayType {
  type: 'array';
  elementType: DeltaType;
  containsNull: boolean;
}

export interface MapType {
  type: 'map';
  keyType: DeltaType;
  valueType: DeltaType;
  valueContainsNull: boolean;
}

export interface StructField {
  name: string;
  type: DeltaType;
  nullable: boolean;
  metadata?: Record<string, unknown>;
}

/** @throws SluiceError CORRUPT */
export function parseSchema(schemaString: string): StructType {
  try {
    const schema = JSON.parse(schemaString) as StructType;
    if (schema.type === 'struct' && Array.isArray(schema.fields)) return schema;
  } catch {
    // Told below.
  }
  throw new SluiceError('CORRUPT', `The table's schema cannot be read: ${schemaString.slice(0, 80)}`, {
    retryable: false,
  });
}

const SQL_NAMES: Record<string, string> = {
  long: 'bigint',
  integer: 'int',
  short: 'smallint',
  byte: 'tinyint',
};

/** The type as SQL writes it: `array<struct<a:int,b:string>>`. */
export function sqlType(type: DeltaType): string {
  if (typeof type === 'string') return SQL_NAMES[type] ?? type;
  if (type.type === 'array') return `array<${sqlType(type.elementType)}>`;
  if (type.type === 'map') return `map<${sqlType(type.keyType)},${sqlType(type.valueType)}>`;
  return `struct<${type.fields.map((field) => `${fieldName(field.name)}:${sqlType(field.type)}`).join(',')}>`;
}

const fieldName = (name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
