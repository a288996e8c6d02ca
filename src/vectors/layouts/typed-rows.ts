import { floatBytes, type VectorObject } from '../object.ts';
import { baseType, type ClassSchema, isReference, type PropertySchema } from '../schema.ts';
import type { ColumnMap } from './typed.ts';
import { dateText } from './values.ts';

/** A row of the typed layout, as the Parquet reader gives it, back into the object it was made of. */
export function fromTypedRow(
  row: Record<string, unknown>,
  schema: ClassSchema,
  map: ColumnMap,
): VectorObject {
  const object: VectorObject = {
    id: String(row.id),
    created: Number(row.creation_time),
    updated: Number(row.update_time),
    properties: {},
  };
  for (const [name, column] of Object.entries(map.vectors)) {
    const value = row[column] as Uint8Array | number[] | number[][] | null | undefined;
    if (value === null || value === undefined || value.length === 0) continue;
    const bytes = (list: Uint8Array | number[]) => (list instanceof Uint8Array ? list : floatBytes(list));
    if (name === '') object.vector = bytes(value as number[]);
    else if (Array.isArray(value[0]) || ArrayBuffer.isView(value[0])) {
      object.multiVectors ??= {};
      object.multiVectors[name] = (value as number[][]).map((each) => floatBytes(each));
    } else {
      object.vectors ??= {};
      object.vectors[name] = bytes(value as number[]);
    }
  }
  for (const property of schema.properties ?? []) {
    const column = map.properties[property.name];
    const value = column === undefined ? undefined : row[column];
    if (value === null || value === undefined) continue;
    if (isReference(property)) {
      const classes = row[map.referenceClasses[property.name] ?? ''] as (string | null)[] | undefined;
      object.references ??= {};
      object.references[property.name] = (value as string[]).map((id, i) => {
        const className = property.dataType.length === 1 ? property.dataType[0] : classes?.[i];
        return className ? { id, className } : { id };
      });
    } else object.properties[property.name] = fromColumn(value, property);
  }
  const other = row.other_properties as Record<string, unknown> | null | undefined;
  if (other) Object.assign(object.properties, other);
  return object;
}

function fromColumn(value: unknown, property: PropertySchema): unknown {
  const { type, array } = baseType(property);
  if (!array) return fromScalar(value, type, property);
  return Array.from(value as unknown[], (each) => fromScalar(each, type, property));
}

function fromScalar(value: unknown, type: string, property: PropertySchema): unknown {
  switch (type) {
    case 'int':
      return integer(value as bigint);
    case 'date':
      return dateText(value as bigint);
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'phoneNumber':
    case 'geoCoordinates': {
      const fields: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(value as Record<string, unknown>)) {
        if (each === null || each === undefined) continue;
        fields[name] = typeof each === 'bigint' ? integer(each) : each;
      }
      return fields;
    }
    case 'object': {
      const nested = property.nestedProperties ?? [];
      if (nested.length === 0) return value;
      const fields: Record<string, unknown> = {};
      for (const each of nested) {
        const inner = (value as Record<string, unknown>)[each.name];
        if (inner !== null && inner !== undefined) fields[each.name] = fromColumn(inner, each);
      }
      return fields;
    }
    default:
      return value;
  }
}

function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
