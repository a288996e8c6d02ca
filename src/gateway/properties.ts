import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectInfo, ObjectProperties } from '../stores/store.ts';
import { S3Error } from './errors.ts';
import { headerText } from './request.ts';

const MAX_METADATA = 2048;
const META = 'x-amz-meta-';

const FIELDS = [
  ['content-type', 'contentType'],
  ['content-encoding', 'contentEncoding'],
  ['content-disposition', 'contentDisposition'],
  ['content-language', 'contentLanguage'],
  ['cache-control', 'cacheControl'],
] as const;

/** Canned ACLs that change nothing for an owner who is alone. */
export const PLAIN_ACLS = ['private', 'bucket-owner-full-control', 'bucket-owner-read'];

/** What S3 would keep or do and the gateway cannot: refused, never silently dropped. */
const REFUSED: readonly (readonly [prefix: string, what: string])[] = [
  [
    'x-amz-server-side-encryption',
    'Encryption is a setting of the target (its connection), not of a request',
  ],
  ['x-amz-object-lock-', 'Object lock is not available'],
  ['x-amz-website-redirect-location', 'Website redirects are not available'],
];

/** @throws S3Error NotImplemented for what cannot be kept, MetadataTooLarge */
export function propertiesOfHeaders(headers: IncomingHttpHeaders): ObjectProperties {
  const properties: ObjectProperties = {};
  for (const [header, field] of FIELDS) {
    const value = headers[header];
    if (typeof value === 'string' && value !== '') properties[field] = headerText(value);
  }
  if (properties.contentEncoding !== undefined) {
    const codings = properties.contentEncoding.split(',').map((coding) => coding.trim());
    const kept = codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked');
    properties.contentEncoding = kept.length > 0 ? kept.join(',') : undefined;
  }
  let metadata: Record<string, string> | undefined;
  let size = 0;
  for (const name in headers) {
    if (!name.startsWith('x-amz-')) continue;
    if (name.startsWith(META)) {
      const value = String(headers[name]);
      size += name.length - META.length + value.length;
      metadata ??= {};
      metadata[name.slice(META.length)] = headerText(value);
      continue;
    }
    const refused = REFUSED.find(([prefix]) => name.startsWith(prefix));
    if (refused && headers[name] !== '') {
      throw new S3Error('NotImplemented', `${refused[1]}: ${name} was sent.`, { Header: name });
    }
    if (name === 'x-amz-acl' && !PLAIN_ACLS.includes(String(headers[name]))) {
      throw new S3Error(
        'NotImplemented',
        `Access is granted in the gateway's configuration, not by ${name}.`,
      );
    }
  }
  if (size > MAX_METADATA) {
    throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: String(size),
      MaxSizeAllowed: String(MAX_METADATA),
    });
  }
  if (metadata) properties.metadata = metadata;
  const storageClass = headers['x-amz-storage-class'];
  if (typeof storageClass === 'string' && storageClass !== 'STANDARD') properties.storageClass = storageClass;
  return properties;
}

/** The headers that show an object, beside its length. */
export function headersOfInfo(info: ObjectInfo, checksums: boolean): string[] {
  const headers = ['accept-ranges', 'bytes'];
  if (info.etag !== undefined) headers.push('etag', headerBytes(quoted(info.etag)));
  if (info.modified !== undefined) headers.push('last-modified', httpDate(info.modified));
  headers.push('content-type', headerBytes(info.contentType ?? 'binary/octet-stream'));
  if (info.contentEncoding !== undefined) headers.push('content-encoding', headerBytes(info.contentEncoding));
  if (info.contentDisposition !== undefined) {
    headers.push('content-disposition', headerBytes(info.contentDisposition));
  }
  if (info.contentLanguage !== undefined) headers.push('content-language', headerBytes(info.contentLanguage));
  if (info.cacheControl !== undefined) headers.push('cache-control', headerBytes(info.cacheControl));
  if (info.storageClass !== undefined && info.storageClass !== 'STANDARD') {
    headers.push('x-amz-storage-class', info.storageClass);
  }
  for (const name in info.metadata) headers.push(META + name, headerBytes(info.metadata[name]!));
  if (checksums) {
    for (const name in info.checksums) headers.push(`x-amz-checksum-${name}`, info.checksums[name]!);
    if (info.checksums) headers.push('x-amz-checksum-type', 'FULL_OBJECT');
  }
  return headers;
}

export const quoted = (etag: string): string => (etag.startsWith('"') ? etag : `"${etag}"`);

/** An etag as it is compared: without quotes and without the mark of a weak one. */
export const unquoted = (tag: string): string =>
  tag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');

/** Text as header bytes: UTF-8, one character each; what would break the line becomes a space. */
export function headerBytes(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return Buffer.from(text.replace(/[\x00-\x1f\x7f]/g, ' ')).toString('latin1');
}

let lastSecond = Number.NaN;
let lastDate = '';

/** Objects that are read one after the other often have the same second; making the text costs more than looking. */
export function httpDate(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== lastSecond) {
    lastDate = new Date(milliseconds).toUTCString();
    lastSecond = second;
  }
  return lastDate;
}
