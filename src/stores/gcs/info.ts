import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectInfo, ObjectProperties } from '../store.ts';

/** An Object resource of the JSON API, as far as it is used. */
export interface GcsObject {
  name: string;
  size: string;
  generation: string;
  updated?: string;
  md5Hash?: string;
  crc32c?: string;
  contentType?: string;
  contentEncoding?: string;
  contentDisposition?: string;
  contentLanguage?: string;
  cacheControl?: string;
  storageClass?: string;
  metadata?: Record<string, string>;
}

export const OBJECT_FIELDS =
  'name,size,generation,updated,md5Hash,crc32c,contentType,contentEncoding,contentDisposition,contentLanguage,cacheControl,storageClass,metadata';

/** The generation is the etag: it names one content, and all conditions of GCS are about it. */
export function infoOf(object: GcsObject): ObjectInfo {
  const info: ObjectInfo = { key: object.name, size: Number(object.size), etag: object.generation };
  if (object.md5Hash) info.md5 = hex(object.md5Hash);
  if (object.updated) info.modified = Date.parse(object.updated);
  if (object.crc32c) info.checksums = { crc32c: object.crc32c };
  if (object.metadata) info.metadata = lowerCase(Object.entries(object.metadata));
  for (const name of PROPERTIES) if (object[name]) info[name] = object[name];
  return info;
}

const PROPERTIES = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'storageClass',
] as const;

/** What an answer of the XML API says of its object. */
export function infoFromHeaders(key: string, size: number, headers: IncomingHttpHeaders): ObjectInfo {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return (Array.isArray(value) ? value.join(',') : value) || undefined;
  };
  const object: GcsObject = { name: key, size: String(size), generation: text('x-goog-generation') ?? '' };
  for (const [, kind, value] of (text('x-goog-hash') ?? '').matchAll(/(md5|crc32c)=([A-Za-z0-9+/=]+)/g)) {
    if (kind === 'md5') object.md5Hash = value!;
    else object.crc32c = value!;
  }
  const encoding = text('x-goog-stored-content-encoding');
  object.updated = text('last-modified') ?? '';
  object.contentType = text('content-type') ?? '';
  object.contentEncoding = encoding === 'identity' ? '' : (encoding ?? '');
  object.contentDisposition = text('content-disposition') ?? '';
  object.contentLanguage = text('content-language') ?? '';
  object.cacheControl = text('cache-control') ?? '';
  object.storageClass = text('x-goog-storage-class') ?? '';
  const metadata = Object.keys(headers).filter((name) => name.startsWith('x-goog-meta-'));
  if (metadata.length > 0) {
    object.metadata = Object.fromEntries(metadata.map((name) => [name.slice(12), text(name) ?? '']));
  }
  return infoOf(object);
}

/** The body of a request that writes an object with these properties. */
export function resourceOf(
  properties: ObjectProperties,
  storageClass: string | undefined,
): Partial<GcsObject> {
  const resource: Partial<GcsObject> = {};
  if (storageClass !== undefined) resource.storageClass = storageClass;
  for (const name of PROPERTIES) if (properties[name] !== undefined) resource[name] = properties[name];
  if (properties.metadata) resource.metadata = lowerCase(Object.entries(properties.metadata));
  return resource;
}

/** Generations are numbers; another etag is that of another store, and never matches. */
export function generationOf(etag: string): string {
  return /^\d{1,19}$/.test(etag) ? etag : '1';
}

const lowerCase = (entries: [string, string][]): Record<string, string> =>
  Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));

export const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');
export const base64 = (hexadecimal: string): string => Buffer.from(hexadecimal, 'hex').toString('base64');
