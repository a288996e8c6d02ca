import type { ObjectProperties } from './store.ts';

const NAMES = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'storageClass',
] as const;

/** The properties among other fields, without those that are not given; names of user metadata in lower case. */
export function propertiesOf(source: ObjectProperties): ObjectProperties {
  const properties: ObjectProperties = {};
  for (const name of NAMES) if (source[name] !== undefined) properties[name] = source[name];
  if (source.metadata) {
    properties.metadata = Object.fromEntries(
      Object.entries(source.metadata).map(([name, value]) => [name.toLowerCase(), value]),
    );
  }
  return properties;
}
