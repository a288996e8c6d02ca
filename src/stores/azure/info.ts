import type { BlobHTTPHeaders } from '@azure/storage-blob';
import type { ObjectInfo, ObjectProperties } from '../store.ts';
import { metadataFromAzure, metadataToAzure } from './metadata.ts';

/** What answers and listings of the SDK say of a blob. */
export interface BlobFacts {
  contentLength?: number | undefined;
  etag?: string | undefined;
  lastModified?: Date | undefined;
  contentMD5?: Uint8Array | undefined;
  contentType?: string | undefined;
  contentEncoding?: string | undefined;
  contentDisposition?: string | undefined;
  contentLanguage?: string | undefined;
  cacheControl?: string | undefined;
  accessTier?: string | undefined;
}

const NAMES = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
] as const;

/** The facts of an answer whose fields are getters, which a spread would lose. */
export function factsOf(answer: BlobFacts): BlobFacts {
  const { contentLength, etag, lastModified, contentMD5, accessTier } = answer;
  const facts: BlobFacts = { contentLength, etag, lastModified, contentMD5, accessTier };
  for (const name of NAMES) facts[name] = answer[name];
  return facts;
}

export function infoOf(key: string, facts: BlobFacts, metadata?: Record<string, string>): ObjectInfo {
  const info: ObjectInfo = { key, size: facts.contentLength ?? 0 };
  if (facts.etag) info.etag = facts.etag.replaceAll('"', '');
  if (facts.lastModified) info.modified = facts.lastModified.getTime();
  if (facts.contentMD5 && facts.contentMD5.length === 16) {
    info.md5 = Buffer.from(facts.contentMD5).toString('hex');
  }
  for (const name of NAMES) if (facts[name]) info[name] = facts[name];
  if (facts.accessTier) info.storageClass = facts.accessTier;
  if (metadata && Object.keys(metadata).length > 0) info.metadata = metadataFromAzure(metadata);
  return info;
}

/** Folders of accounts with a hierarchical namespace, and those of Hadoop, look like empty blobs. */
export function isFolder(metadata: Record<string, string> | undefined): boolean {
  return metadata?.hdi_isfolder === 'true' || metadata?.Hdi_isfolder === 'true';
}

/** Properties as the SDK takes them. @param md5 hex; Azure keeps it with the blob */
export function headersOf(properties: ObjectProperties, md5?: string): BlobHTTPHeaders {
  const headers: BlobHTTPHeaders = {};
  if (properties.contentType !== undefined) headers.blobContentType = properties.contentType;
  if (properties.contentEncoding !== undefined) headers.blobContentEncoding = properties.contentEncoding;
  if (properties.contentDisposition !== undefined) {
    headers.blobContentDisposition = properties.contentDisposition;
  }
  if (properties.contentLanguage !== undefined) headers.blobContentLanguage = properties.contentLanguage;
  if (properties.cacheControl !== undefined) headers.blobCacheControl = properties.cacheControl;
  if (md5 !== undefined) headers.blobContentMD5 = Buffer.from(md5, 'hex');
  return headers;
}

export function writeOptions(
  properties: ObjectProperties & { ifNoneMatch?: '*'; ifMatch?: string },
  md5: string | undefined,
  accessTier: string | undefined,
) {
  const tier = properties.storageClass ?? accessTier;
  return {
    blobHTTPHeaders: headersOf(properties, md5),
    ...(properties.metadata && { metadata: metadataToAzure(properties.metadata) }),
    ...(tier !== undefined && { tier }),
    conditions: conditionsOf(properties),
  };
}

export function conditionsOf(options: { ifNoneMatch?: string; ifMatch?: string }) {
  return {
    ...(options.ifNoneMatch !== undefined && { ifNoneMatch: quoted(options.ifNoneMatch) }),
    ...(options.ifMatch !== undefined && { ifMatch: quoted(options.ifMatch) }),
  };
}

const quoted = (etag: string): string => (etag === '*' ? etag : `"${etag}"`);
