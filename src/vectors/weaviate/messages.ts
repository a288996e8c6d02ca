/**
 * What Sluice says and hears of the protocol `weaviate.v1` (Weaviate's public gRPC API, 1.27 and later):
 * names and numbers of the fields it uses.
 */
import type { Field, Message, Scalar } from './protobuf.ts';

const one = (id: number, type: Scalar | Message): Field => ({ id, type });
const many = (id: number, type: Scalar | Message): Field => ({ id, type, repeated: true });
const mapOf = (id: number, type: Scalar | Message): Field => ({ id, type, map: true });

/** Memoized, so that a message's table is made once. */
function message(make: Message): Message {
  let made: Record<string, Field> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

// ── Search ───────────────────────────────────────────────────────────────────────────────────────────

export const MetadataRequest = message(() => ({
  uuid: one(1, 'bool'),
  vector: one(2, 'bool'),
  creationTimeUnix: one(3, 'bool'),
  lastUpdateTimeUnix: one(4, 'bool'),
  vectors: many(10, 'string'),
}));

export const ObjectPropertiesRequest: Message = message(() => ({
  propName: one(1, 'string'),
  primitiveProperties: many(2, 'string'),
  objectProperties: many(3, ObjectPropertiesRequest),
}));

export const RefPropertiesRequest: Message = message(() => ({
  referenceProperty: one(1, 'string'),
  properties: one(2, PropertiesRequest),
  metadata: one(3, MetadataRequest),
  targetCollection: one(4, 'string'),
}));

export const PropertiesRequest: Message = message(() => ({
  nonRefProperties: many(1, 'string'),
  refProperties: many(2, RefPropertiesRequest),
  objectProperties: many(3, ObjectPropertiesRequest),
  returnAllNonrefProperties: one(11, 'bool'),
}));

export const SortBy = message(() => ({ ascending: one(1, 'bool'), path: many(2, 'string') }));

export const SearchRequest = message(() => ({
  collection: one(1, 'string'),
  tenant: one(10, 'string'),
  properties: one(20, PropertiesRequest),
  metadata: one(21, MetadataRequest),
  limit: one(30, 'int'),
  after: one(33, 'string'),
  sortBy: many(34, SortBy),
  uses123Api: one(100, 'bool'),
  uses125Api: one(101, 'bool'),
  uses127Api: one(102, 'bool'),
}));

export const Vectors = message(() => ({
  name: one(1, 'string'),
  vectorBytes: one(3, 'bytes'),
  type: one(4, 'int'),
}));
/** Values of Vectors.type. */
export const SINGLE_FP32 = 1;
export const MULTI_FP32 = 2;

export const GeoCoordinate = message(() => ({ longitude: one(1, 'float'), latitude: one(2, 'float') }));

export const PhoneNumber = message(() => ({
  countryCode: one(1, 'int'),
  defaultCountry: one(2, 'string'),
  input: one(3, 'string'),
  internationalFormatted: one(4, 'string'),
  national: one(5, 'int'),
  nationalFormatted: one(6, 'string'),
  valid: one(7, 'bool'),
}));

const BytesValues = message(() => ({ values: one(1, 'bytes') }));
const TextValues = message(() => ({ values: many(1, 'string') }));
const BoolValues = message(() => ({ values: many(1, 'bool') }));
const ObjectValues: Message = message(() => ({ values: many(1, Properties) }));

export const ListValue: Message = message(() => ({
  numberValues: one(2, BytesValues),
  boolValues: one(3, BoolValues),
  objectValues: one(4, ObjectValues),
  dateValues: one(5, TextValues),
  uuidValues: one(6, TextValues),
  intValues: one(7, BytesValues),
  textValues: one(8, TextValues),
}));

export const Value: Message = message(() => ({
  numberValue: one(1, 'double'),
  boolValue: one(3, 'bool'),
  objectValue: one(4, Properties),
  listValue: one(5, ListValue),
  dateValue: one(6, 'string'),
  uuidValue: one(7, 'string'),
  intValue: one(8, 'int'),
  geoValue: one(9, GeoCoordinate),
  blobValue: one(10, 'string'),
  phoneValue: one(11, PhoneNumber),
  nullValue: one(12, 'int'),
  textValue: one(13, 'string'),
}));

export const Properties: Message = message(() => ({ fields: mapOf(1, Value) }));

export const MetadataResult = message(() => ({
  id: one(1, 'string'),
  creationTimeUnix: one(3, 'int'),
  creationTimeUnixPresent: one(4, 'bool'),
  lastUpdateTimeUnix: one(5, 'int'),
  lastUpdateTimeUnixPresent: one(6, 'bool'),
  vectorBytes: one(19, 'bytes'),
  idAsBytes: one(20, 'bytes'),
  vectors: many(23, Vectors),
}));

export const RefPropertiesResult: Message = message(() => ({
  properties: many(1, PropertiesResult),
  propName: one(2, 'string'),
}));

export const PropertiesResult: Message = message(() => ({
  refProps: many(2, RefPropertiesResult),
  targetCollection: one(3, 'string'),
  metadata: one(4, MetadataResult),
  nonRefProps: one(11, Properties),
}));

export const SearchResult = message(() => ({
  properties: one(1, PropertiesResult),
  metadata: one(2, MetadataResult),
}));

export const SearchReply = message(() => ({ took: one(1, 'float'), results: many(2, SearchResult) }));

// ── Aggregate (1.29 and later) ───────────────────────────────────────────────────────────────────────

export const AggregateRequest = message(() => ({
  collection: one(1, 'string'),
  tenant: one(10, 'string'),
  objectsCount: one(20, 'bool'),
}));
const AggregateSingle = message(() => ({ objectsCount: one(1, 'int') }));
export const AggregateReply = message(() => ({
  took: one(1, 'float'),
  singleResult: one(2, AggregateSingle),
}));

// ── BatchObjects ─────────────────────────────────────────────────────────────────────────────────────

/** google.protobuf.Struct and its values. */
export const Struct: Message = message(() => ({ fields: mapOf(1, StructValue) }));
export const StructValue: Message = message(() => ({
  nullValue: one(1, 'int'),
  numberValue: one(2, 'double'),
  stringValue: one(3, 'string'),
  boolValue: one(4, 'bool'),
  structValue: one(5, Struct),
  listValue: one(6, StructList),
}));
const StructList: Message = message(() => ({ values: many(1, StructValue) }));

const NumberArray = message(() => ({ propName: one(2, 'string'), valuesBytes: one(3, 'bytes') }));
const IntArray = message(() => ({ values: many(1, 'int'), propName: one(2, 'string') }));
const TextArray = message(() => ({ values: many(1, 'string'), propName: one(2, 'string') }));
const BooleanArray = message(() => ({ values: many(1, 'bool'), propName: one(2, 'string') }));

export const ObjectPropertiesValue: Message = message(() => ({
  nonRefProperties: one(1, Struct),
  numberArrayProperties: many(2, NumberArray),
  intArrayProperties: many(3, IntArray),
  textArrayProperties: many(4, TextArray),
  booleanArrayProperties: many(5, BooleanArray),
  objectProperties: many(6, ObjectProperties),
  objectArrayProperties: many(7, ObjectArrayProperties),
  emptyListProps: many(10, 'string'),
}));
const ObjectProperties: Message = message(() => ({
  value: one(1, ObjectPropertiesValue),
  propName: one(2, 'string'),
}));
const ObjectArrayProperties: Message = message(() => ({
  values: many(1, ObjectPropertiesValue),
  propName: one(2, 'string'),
}));

export const SingleTargetRefProps = message(() => ({
  uuids: many(1, 'string'),
  propName: one(2, 'string'),
}));
export const MultiTargetRefProps = message(() => ({
  uuids: many(1, 'string'),
  propName: one(2, 'string'),
  targetCollection: one(3, 'string'),
}));

export const BatchObjectProperties = message(() => ({
  nonRefProperties: one(1, Struct),
  singleTargetRefProps: many(2, SingleTargetRefProps),
  multiTargetRefProps: many(3, MultiTargetRefProps),
  numberArrayProperties: many(4, NumberArray),
  intArrayProperties: many(5, IntArray),
  textArrayProperties: many(6, TextArray),
  booleanArrayProperties: many(7, BooleanArray),
  objectProperties: many(8, ObjectProperties),
  objectArrayProperties: many(9, ObjectArrayProperties),
  emptyListProps: many(10, 'string'),
}));

export const BatchObject = message(() => ({
  uuid: one(1, 'string'),
  properties: one(3, BatchObjectProperties),
  collection: one(4, 'string'),
  tenant: one(5, 'string'),
  vectorBytes: one(6, 'bytes'),
  vectors: many(23, Vectors),
}));

export const BatchObjectsRequest = message(() => ({ objects: many(1, BatchObject) }));
export const BatchError = message(() => ({ index: one(1, 'int'), error: one(2, 'string') }));
export const BatchObjectsReply = message(() => ({ took: one(1, 'float'), errors: many(2, BatchError) }));
