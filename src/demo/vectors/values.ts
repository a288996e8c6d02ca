import {
  joinMultiVector,
  type Reference,
  splitMultiVector,
  type VectorObject,
} from '../../vectors/object.ts';
import { baseType, type ClassSchema, isMultiVector, type PropertySchema } from '../../vectors/schema.ts';
import { MULTI_FP32, SINGLE_FP32 } from '../../vectors/weaviate/messages.ts';
import type { Fields } from '../../vectors/weaviate/protobuf.ts';

/** An object as SearchResult, with what the request's PropertiesRequest and MetadataRequest ask for. */
export function toSearchResult(
  object: VectorObject,
  schema: ClassSchema,
  wanted: { properties?: Fields; metadata?: Fields },
): Fields {
  const metadata = wanted.metadata ?? {};
  const names = new Set((metadata.vectors as string[] | undefined) ?? []);
  return {
    properties: {
      nonRefProps: { fields: propertyFields(object.properties, schema.properties ?? [], wanted.properties) },
    },
    metadata: {
      id: object.id,
      creationTimeUnix: metadata.creationTimeUnix ? object.created : undefined,
      creationTimeUnixPresent: metadata.creationTimeUnix,
      lastUpdateTimeUnix: metadata.lastUpdateTimeUnix ? object.updated : undefined,
      lastUpdateTimeUnixPresent: metadata.lastUpdateTimeUnix,
      vectorBytes: metadata.vector ? object.vector : undefined,
      vectors: [
        ...Object.entries(object.vectors ?? {}).map(([name, vectorBytes]) => ({
          name,
          vectorBytes,
          type: SINGLE_FP32,
        })),
        ...Object.entries(object.multiVectors ?? {}).map(([name, list]) => ({
          name,
          vectorBytes: joinMultiVector(list),
          type: MULTI_FP32,
        })),
      ].filter((vector) => names.has(vector.name)),
    },
  };
}

function propertyFields(
  values: Record<string, unknown>,
  properties: readonly PropertySchema[],
  wanted: Fields | undefined,
): Fields {
  const plain = new Set((wanted?.nonRefProperties ?? wanted?.primitiveProperties) as string[] | undefined);
  const objects = new Map(
    ((wanted?.objectProperties ?? []) as Fields[]).map((each) => [each.propName as string, each]),
  );
  const fields: Fields = {};
  for (const property of properties) {
    const value = values[property.name];
    const nested = objects.get(property.name);
    if (value === undefined || value === null || !(plain.has(property.name) || nested)) continue;
    fields[property.name] = toValue(value, property, nested);
  }
  return fields;
}

function toValue(value: unknown, property: PropertySchema, nested: Fields | undefined): Fields {
  const { type, array } = baseType(property);
  if (array) return { listValue: toList(value as unknown[], type, property, nested) };
  switch (type) {
    case 'int':
      return { intValue: value };
    case 'number':
      return { numberValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'date':
      return { dateValue: value };
    case 'uuid':
      return { uuidValue: value };
    case 'blob':
      return { blobValue: value };
    case 'geoCoordinates':
      return { geoValue: value };
    case 'phoneNumber':
      return { phoneValue: value };
    case 'object':
      return {
        objectValue: {
          fields: propertyFields(value as Record<string, unknown>, property.nestedProperties ?? [], nested),
        },
      };
    default:
      return { textValue: value };
  }
}

function toList(
  items: unknown[],
  type: string,
  property: PropertySchema,
  nested: Fields | undefined,
): Fields {
  switch (type) {
    case 'int':
      return {
        intValues: { values: packed(items, (bytes, value, at) => bytes.writeBigInt64LE(BigInt(value), at)) },
      };
    case 'number':
      return {
        numberValues: { values: packed(items, (bytes, value, at) => bytes.writeDoubleLE(value, at)) },
      };
    case 'boolean':
      return { boolValues: { values: items } };
    case 'date':
      return { dateValues: { values: items } };
    case 'uuid':
      return { uuidValues: { values: items } };
    case 'object':
      return {
        objectValues: {
          values: items.map((each) => ({
            fields: propertyFields(each as Record<string, unknown>, property.nestedProperties ?? [], nested),
          })),
        },
      };
    default:
      return { textValues: { values: items } };
  }
}

function packed(items: unknown[], write: (bytes: Buffer, value: number, at: number) => void): Buffer {
  const bytes = Buffer.alloc(items.length * 8);
  items.forEach((value, i) => {
    write(bytes, value as number, i * 8);
  });
  return bytes;
}

/** A BatchObject as an object. */
export function fromBatchObject(batch: Fields, schema: ClassSchema): VectorObject {
  const properties = (batch.properties ?? {}) as Record<string, Fields[]>;
  const object: VectorObject = {
    id: (batch.uuid as string).toLowerCase(),
    created: 0,
    updated: 0,
    properties: fromPropertyFields(properties),
  };
  const own = batch.vectorBytes as Buffer | undefined;
  if (own && own.length > 0) object.vector = Buffer.from(own);
  for (const { name, vectorBytes } of (batch.vectors ?? []) as { name: string; vectorBytes: Buffer }[]) {
    const bytes = Buffer.from(vectorBytes);
    if (isMultiVector(schema, name)) {
      object.multiVectors = { ...object.multiVectors, [name]: splitMultiVector(bytes) };
    } else object.vectors = { ...object.vectors, [name]: bytes };
  }
  const references: Record<string, Reference[]> = {};
  for (const { propName, uuids } of properties.singleTargetRefProps ?? []) {
    const target = schema.properties?.find((each) => each.name === propName)?.dataType[0];
    references[propName as string] = (uuids as string[]).map((id) => ({ id, className: target }));
  }
  for (const { propName, uuids, targetCollection } of properties.multiTargetRefProps ?? []) {
    references[propName as string] = [
      ...(references[propName as string] ?? []),
      ...(uuids as string[]).map((id) => ({ id, className: targetCollection as string })),
    ];
  }
  if (Object.keys(references).length > 0) object.references = references;
  return object;
}

/** The fields that BatchObject.Properties and ObjectPropertiesValue share. */
function fromPropertyFields(fields: Record<string, unknown>): Record<string, unknown> {
  const lists = fields as Record<string, Fields[] | undefined>;
  const values: Record<string, unknown> = fromStruct(fields.nonRefProperties as Fields | undefined);
  for (const { propName, valuesBytes } of lists.numberArrayProperties ?? []) {
    const bytes = valuesBytes as Buffer;
    values[propName as string] = Array.from({ length: bytes.length / 8 }, (_, i) =>
      bytes.readDoubleLE(i * 8),
    );
  }
  for (const name of ['intArrayProperties', 'textArrayProperties', 'booleanArrayProperties']) {
    for (const each of lists[name] ?? []) values[each.propName as string] = each.values;
  }
  for (const { propName, value } of lists.objectProperties ?? []) {
    values[propName as string] = fromPropertyFields(value as Fields);
  }
  for (const each of lists.objectArrayProperties ?? []) {
    values[each.propName as string] = (each.values as Fields[]).map(fromPropertyFields);
  }
  for (const name of (fields.emptyListProps ?? []) as string[]) values[name] = [];
  return values;
}

function fromStruct(struct: Fields | undefined): Record<string, unknown> {
  const fields = (struct?.fields ?? {}) as Record<string, Fields>;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromStructValue(value)]));
}

function fromStructValue(value: Fields | undefined): unknown {
  if (!value) return null;
  if (value.structValue) return fromStruct(value.structValue as Fields);
  if (value.listValue) return ((value.listValue as Fields).values as Fields[]).map(fromStructValue);
  return value.numberValue ?? value.stringValue ?? value.boolValue ?? null;
}
