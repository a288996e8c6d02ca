import type { MetaData } from '../../delta/actions.ts';
import { type DeltaType, parseSchema, sqlType } from '../../delta/schema.ts';

/** A column as `POST /tables` of Unity Catalog takes it. */
export interface UnityColumn {
  name: string;
  type_text: string;
  /** The field in Spark's JSON. */
  type_json: string;
  type_name: string;
  type_precision?: number;
  type_scale?: number;
  position: number;
  nullable: boolean;
  partition_index?: number;
  comment?: string;
}

const TYPE_NAMES: Record<string, string> = {
  boolean: 'BOOLEAN',
  byte: 'BYTE',
  short: 'SHORT',
  integer: 'INT',
  long: 'LONG',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamp_ntz: 'TIMESTAMP_NTZ',
  string: 'STRING',
  binary: 'BINARY',
  variant: 'VARIANT',
  void: 'NULL',
};

/** The columns of a Delta table, nested types and partitions included. Physical names of column mapping are left out. */
export function unityColumns(metaData: MetaData): UnityColumn[] {
  return parseSchema(metaData.schemaString).fields.map((field, position) => {
    const { name, type, nullable, metadata = {} } = field;
    const shown = Object.entries(metadata).filter(([key]) => !key.startsWith('delta.columnMapping.'));
    const partition = metaData.partitionColumns.indexOf(name);
    const column: UnityColumn = {
      name,
      type_text: sqlType(type),
      type_json: JSON.stringify({
        name,
        type: withoutMapping(type),
        nullable,
        metadata: Object.fromEntries(shown),
      }),
      ...typeName(type),
      position,
      nullable,
    };
    if (partition >= 0) column.partition_index = partition;
    if (typeof metadata.comment === 'string') column.comment = metadata.comment;
    return column;
  });
}

function typeName(type: DeltaType): Pick<UnityColumn, 'type_name' | 'type_precision' | 'type_scale'> {
  if (typeof type !== 'string') return { type_name: type.type.toUpperCase() };
  const decimal = /^decimal(?:\((\d+),\s*(-?\d+)\))?$/.exec(type);
  if (decimal) {
    return {
      type_name: 'DECIMAL',
      type_precision: Number(decimal[1] ?? 10),
      type_scale: Number(decimal[2] ?? 0),
    };
  }
  if (/^(char|varchar)\(/.test(type)) return { type_name: type.startsWith('char') ? 'CHAR' : 'STRING' };
  if (type.startsWith('interval')) return { type_name: 'INTERVAL' };
  return { type_name: TYPE_NAMES[type] ?? 'USER_DEFINED_TYPE' };
}

function withoutMapping(type: DeltaType): DeltaType {
  if (typeof type === 'string') return type;
  if (type.type === 'array') return { ...type, elementType: withoutMapping(type.elementType) };
  if (type.type === 'map') {
    return { ...type, keyType: withoutMapping(type.keyType), valueType: withoutMapping(type.valueType) };
  }
  return {
    ...type,
    fields: type.fields.map((field) => ({
      ...field,
      type: withoutMapping(field.type),
      metadata: Object.fromEntries(
        Object.entries(field.metadata ?? {}).filter(([key]) => !key.startsWith('delta.columnMapping.')),
      ),
    })),
  };
}
