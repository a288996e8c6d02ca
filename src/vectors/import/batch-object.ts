import { joinMultiVector, type VectorObject } from '../object.ts';
import { baseType, type ClassSchema, isReference, type PropertySchema } from '../schema.ts';
import { MULTI_FP32, SINGLE_FP32 } from '../weaviate/messages.ts';
import type { Fields } from '../weaviate/protobuf.ts';

/**
 * An object as the message BatchObject. References are left out: they are written when their targets are
 * there.
 */
export function toBatchObject(
  schema: ClassSchema,
  object: VectorObject,
  tenant: string | undefined,
  references: boolean,
): Fields {
  const { vector, vectors = {}, multiVectors = {} } = object;
  return {
    uuid: object.id,
    collection: schema.class,
    tenant,
    vectorBytes: vector,
    vectors: [
      ...Object.entries(vectors).map(([name, vectorBytes]) => ({ name, vectorBytes, type: SINGLE_FP32 })),
      ...Object.entries(multiVectors).map(([name, list]) => ({
        name,
        vectorBytes: joinMultiVector(list),
        type: MULTI_FP32,
      })),
    ],
    properties: {
      ...propertyFields(schema.properties ?? [], object.properties),
      ...(references ? referenceFields(schema, object) : {}),
    },
  };
}

function referenceFields(schema: ClassSchema, object: VectorObject): Fields {
  const single: Fields[] = [];
  const multi: Fields[] = [];
  for (const property of schema.properties ?? []) {
    const references = isReference(property) ? object.references?.[property.name] : undefined;
    if (!references) continue;
    if (property.dataType.length === 1) {
      single.push({ propName: property.name, uuids: references.map((each) => each.id) });
      continue;
    }
    for (const target of new Set(references.map((each) => each.className))) {
      const uuids = references.filter((each) => each.className === target).map((each) => each.id);
      multi.push({ propName: property.name, uuids, targetCollection: target });
    }
  }
  return { singleTargetRefProps: single, multiTargetRefProps: multi };
}

/** Values by name into the fields that BatchObject.Properties and ObjectPropertiesValue share. */
function propertyFields(properties: readonly PropertySchema[], values: Record<string, unknown>): Fields {
  const byName = new Map(properties.map((property) => [property.name, property]));
  const plain: Fields = {};
  const fields: Record<string, Fields[]> & { emptyListProps?: never } = {};
  const emptyListProps: string[] = [];
  const push = (field: string, value: Fields): void => {
    fields[field] ??= [];
    fields[field].push(value);
  };
  for (const [propName, value] of Object.entries(values)) {
    if (value === null || value === undefined) continue;
    const property = byName.get(propName);
    const type = property ? baseType(property).type : typeof value;
    if (!Array.isArray(value)) {
      if (type === 'object' && property?.nestedProperties) {
        const nested = propertyFields(property.nestedProperties, value as Record<string, unknown>);
        push('objectProperties', { propName, value: nested });
      } else plain[propName] = structValue(value);
    } else if (value.length === 0) emptyListProps.push(propName);
    else if (type === 'object') {
      const nested = value.map((each) => propertyFields(property?.nestedProperties ?? [], each));
      push('objectArrayProperties', { propName, values: nested });
    } else if (type === 'int') push('intArrayProperties', { propName, values: value });
    else if (type === 'number') push('numberArrayProperties', { propName, valuesBytes: doubles(value) });
    else if (type === 'boolean') push('booleanArrayProperties', { propName, values: value });
    else push('textArrayProperties', { propName, values: value.map(String) });
  }
  return { nonRefProperties: { fields: plain }, ...fields, emptyListProps };
}

function doubles(values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 8);
  for (let i = 0; i < values.length; i++) bytes.writeDoubleLE(values[i]!, i * 8);
  return bytes;
}

/** google.protobuf.Value */
function structValue(value: unknown): Fields {
  if (value === null || value === undefined) return { nullValue: 0 };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'bigint') return { numberValue: Number(value) };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(structValue) } };
  return {
    structValue: {
      fields: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, structValue(each)])),
    },
  };
}
