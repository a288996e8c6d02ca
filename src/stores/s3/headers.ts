import type { IncomingHttpHeaders } from 'node:http';
import { StoreError } from '../errors.ts';
import type { ObjectInfo, ObjectProperties } from '../store.ts';
import { header } from './errors.ts';
import type { S3Settings } from './settings.ts';

/** The headers of a request that makes an object, for its properties and the connection's settings. */
export function writeHeaders(
  settings: S3Settings,
  properties: ObjectProperties,
  at: { store: string; key: string },
): string[] {
  const headers: string[] = [];
  if (properties.contentType !== undefined) headers.push('content-type', properties.contentType);
  if (properties.contentEncoding !== undefined) headers.push('content-encoding', properties.contentEncoding);
  if (properties.contentDisposition !== undefined) {
    headers.push('content-disposition', properties.contentDisposition);
  }
  if (properties.contentLanguage !== undefined) headers.push('content-language', properties.contentLanguage);
  if (properties.cacheControl !== undefined) headers.push('cache-control', properties.cacheControl);
  const storageClass = properties.storageClass ?? settings.storageClass;
  if (storageClass !== undefined) headers.push('x-amz-storage-class', storageClass);
  if (settings.acl !== undefined) headers.push('x-amz-acl', settings.acl);
  if (settings.sse !== undefined) {
    headers.push('x-amz-server-side-encryption', settings.sse.algorithm);
    if (settings.sse.kmsKeyId !== undefined) {
      headers.push('x-amz-server-side-encryption-aws-kms-key-id', settings.sse.kmsKeyId);
    }
  }
  for (const name in properties.metadata) {
    headers.push(`x-amz-meta-${name.toLowerCase()}`, properties.metadata[name]!);
  }
  if (properties.tags !== undefined) {
    headers.push('x-amz-tagging', new URLSearchParams(properties.tags).toString());
  }
  for (let i = 0; i < headers.length; i += 2) checkHeader(headers[i]!, headers[i + 1]!, at);
  return headers;
}

function checkHeader(name: string, value: string, at: { store: string; key: string }): void {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && !/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return;
  throw new StoreError(
    'BAD_SPEC',
    `${at.store} cannot keep the property ${JSON.stringify(name.replace('x-amz-meta-', ''))} of ${at.key}: names are letters, digits and "-._", and values hold no control characters.`,
    at,
  );
}

/** What the headers of an answer say of an object. @param size of the whole object */
export function infoFromHeaders(
  settings: S3Settings,
  key: string,
  size: number,
  headers: IncomingHttpHeaders,
): ObjectInfo {
  const info: ObjectInfo = { key, size };
  for (const name in headers) {
    const value = header(headers, name);
    if (value === undefined) continue;
    switch (name) {
      case 'last-modified': {
        const modified = Date.parse(value);
        if (!Number.isNaN(modified)) info.modified = modified;
        break;
      }
      case 'content-type':
        info.contentType = value;
        break;
      case 'content-encoding':
        // The framing of a signed upload, which some stores keep by mistake.
        if (value !== 'aws-chunked') info.contentEncoding = value;
        break;
      case 'content-disposition':
        info.contentDisposition = utf8(value);
        break;
      case 'content-language':
        info.contentLanguage = value;
        break;
      case 'cache-control':
        info.cacheControl = value;
        break;
      case 'x-amz-storage-class':
        info.storageClass = value;
        break;
      default:
        if (name.startsWith('x-amz-meta-')) {
          info.metadata ??= {};
          info.metadata[name.slice(11)] = decodeMetadata(value);
        } else if (name.startsWith('x-amz-checksum-')) {
          const algorithm = name.slice(15);
          // "…-3" is a checksum of the checksums of parts.
          if (algorithm !== 'type' && !value.includes('-')) {
            info.checksums ??= {};
            info.checksums[algorithm] = value;
          }
        }
    }
  }
  addTag(info, header(headers, 'etag'), settings.etagIsMd5 && !isKeyed(headers));
  return info;
}

/** Objects encrypted with a key of KMS or the customer's have ETags that look like an MD5 and are none. */
export function isKeyed(headers: IncomingHttpHeaders): boolean {
  return (
    headers['x-amz-server-side-encryption']?.includes('kms') === true ||
    headers['x-amz-server-side-encryption-customer-algorithm'] !== undefined
  );
}

/** Sets `etag`, and `md5` where the tag is one. @param tag as sent, in quotes */
export function addTag(info: ObjectInfo, tag: string | undefined, isMd5: boolean): void {
  if (tag === undefined || tag === '') return;
  const etag = unquoted(tag);
  info.etag = etag;
  if (isMd5 && etag.length === 32 && /^[0-9a-f]{32}$/i.test(etag)) info.md5 = etag.toLowerCase();
}

export function unquoted(tag: string): string {
  return tag.charCodeAt(0) === 0x22 ? tag.slice(1, tag.endsWith('"') ? -1 : undefined) : tag;
}

export function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

/** Headers arrive as Latin-1; text beyond ASCII is UTF-8 in practice. */
function utf8(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('�') ? value : text;
}

/** AWS gives metadata beyond ASCII back as encoded words (RFC 2047), others as the bytes they took. */
function decodeMetadata(value: string): string {
  if (!value.includes('=?')) return utf8(value);
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding: string, text: string) => {
      if (encoding.toLowerCase() === 'b') return Buffer.from(text, 'base64').toString('utf8');
      const bytes = text
        .replaceAll('_', ' ')
        .replace(/=([0-9a-f]{2})/gi, (__, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      return Buffer.from(bytes, 'latin1').toString('utf8');
    });
}
