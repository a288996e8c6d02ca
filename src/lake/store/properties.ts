import type { ObjectProperties } from '../../stores/store.ts';

/** lakeFS keeps a content type and user metadata only; the other properties go along as user metadata. */
const KEPT = {
  contentEncoding: 'sluice-content-encoding',
  contentDisposition: 'sluice-content-disposition',
  contentLanguage: 'sluice-content-language',
  cacheControl: 'sluice-cache-control',
} as const;
const NAMES = Object.keys(KEPT) as (keyof typeof KEPT)[];

/** The user metadata to write with an object. */
export function keptMetadata(properties: ObjectProperties): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties.metadata ?? {})) metadata[name.toLowerCase()] = value;
  for (const name of NAMES) if (properties[name] !== undefined) metadata[KEPT[name]] = properties[name];
  return metadata;
}

/** The properties that an object's user metadata stands for. */
export function propertiesFrom(metadata: Record<string, string> | undefined): ObjectProperties {
  if (!metadata) return {};
  const rest = userMetadata(metadata);
  const properties: ObjectProperties = {};
  for (const name of NAMES) {
    const value = rest[KEPT[name]];
    if (value === undefined) continue;
    properties[name] = value;
    delete rest[KEPT[name]];
  }
  if (Object.keys(rest).length > 0) properties.metadata = rest;
  return properties;
}

/** User metadata by the names its writer gave it, in lower case: lakeFS's S3 gateway keeps the header's whole name. */
export function userMetadata(metadata: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [
      name.toLowerCase().replace(/^x-amz-meta-/, ''),
      value,
    ]),
  );
}
