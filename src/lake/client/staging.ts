import type { Readable } from 'node:stream';
import { entryOf, type LakeEntry, type ObjectStats } from './entry.ts';
import { header } from './failure.ts';
import { branchPath, encode, subjectOf, writing } from './paths.ts';
import { LakeReader } from './reader.ts';
import type { CallOptions, StagedUpload, StagingLocation } from './types.ts';

/** The part of the API by which the bytes of new objects go straight into the object store, past lakeFS. */
export class LakeStaging extends LakeReader {
  /** A place in the object store for the bytes of a new object; `link` makes it part of the branch. */
  stagingLocation(
    repository: string,
    branch: string,
    path: string,
    options: CallOptions & { presign?: boolean } = {},
  ): Promise<StagingLocation> {
    return this.http.json({
      path: `${branchPath(repository, branch)}/staging/backing`,
      query: { path, presign: options.presign },
      subject: subjectOf(repository, branch, `prepare ${path} in lakefs://${repository}/${branch}`, path),
      signal: options.signal,
    });
  }

  /** Puts the bytes of a staging location by its presigned address; gives the object store's ETag. */
  async putPresigned(
    location: StagingLocation,
    body: Uint8Array | (() => Promise<Readable>),
    what: { store: string; key: string },
    options: CallOptions & { size?: number; contentType?: string } = {},
  ): Promise<string> {
    const url = location.presigned_url!;
    const headers: Record<string, string> = {};
    if (options.contentType) headers['content-type'] = options.contentType;
    if (isAzure(url)) headers['x-ms-blob-type'] = 'BlockBlob';
    const answer = await this.http.presigned(url, {
      method: 'PUT',
      headers,
      body,
      size: options.size,
      subject: { ...what, doing: `write ${what.key} to ${what.store}` },
      signal: options.signal,
    });
    answer.body.resume();
    return (header(answer.headers, 'etag') ?? '').replaceAll('"', '');
  }

  /** Makes bytes that lie in the object store an object of the branch. */
  async link(
    repository: string,
    branch: string,
    path: string,
    object: {
      staging: StagingLocation;
      checksum: string;
      size: number;
      contentType?: string;
      metadata?: Record<string, string>;
    },
    options: CallOptions & { ifNoneMatch?: '*' } = {},
  ): Promise<LakeEntry> {
    const { staging, checksum, size, contentType, metadata } = object;
    const stats = await this.http.json<ObjectStats>({
      method: 'PUT',
      path: `${branchPath(repository, branch)}/staging/backing`,
      query: { path },
      headers: {
        'content-type': 'application/json',
        ...(options.ifNoneMatch && { 'if-none-match': options.ifNoneMatch }),
      },
      body: JSON.stringify({
        staging,
        checksum,
        size_bytes: size,
        content_type: contentType,
        user_metadata: metadata,
      }),
      subject: writing(repository, branch, path),
      signal: options.signal,
    });
    return entryOf(stats, false);
  }

  /** Begins an upload in parts straight into the object store. @throws UNSUPPORTED where lakeFS presigns no parts */
  async createUpload(
    repository: string,
    branch: string,
    path: string,
    options: CallOptions = {},
  ): Promise<StagedUpload> {
    const upload = await this.http.json<{ upload_id: string; physical_address: string }>({
      method: 'POST',
      path: `${branchPath(repository, branch)}/staging/pmpu`,
      query: { path },
      subject: writing(repository, branch, path),
      signal: options.signal,
    });
    return { repository, branch, path, id: upload.upload_id, physicalAddress: upload.physical_address };
  }

  /** A presigned address to put one part of an upload to. */
  async partAddress(
    upload: StagedUpload,
    partNumber: number,
    options: CallOptions = {},
  ): Promise<StagingLocation> {
    return this.http.json({
      method: 'PUT',
      path: `${uploadPath(upload)}/parts/${partNumber}`,
      query: { path: upload.path },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ physical_address: upload.physicalAddress }),
      subject: writing(upload.repository, upload.branch, upload.path),
      signal: options.signal,
    });
  }

  /** Copies an object, or a range of it (both ends included), into a part, inside the object store; gives its ETag. */
  async copyPart(
    upload: StagedUpload,
    partNumber: number,
    source: { repository: string; ref: string; path: string; range?: { start: number; end: number } },
    options: CallOptions = {},
  ): Promise<string> {
    const { range, ...from } = source;
    const copied = { ...from, ...(range && { range: `bytes=${range.start}-${range.end}` }) };
    const answer = await this.http.open({
      method: 'PUT',
      path: `${uploadPath(upload)}/parts/${partNumber}/copy`,
      query: { path: upload.path },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ physical_address: upload.physicalAddress, copy_source: copied }),
      subject: writing(upload.repository, upload.branch, upload.path),
      signal: options.signal,
    });
    answer.body.resume();
    return (header(answer.headers, 'etag') ?? '').replaceAll('"', '');
  }

  /** Joins the parts of an upload and makes them an object of the branch. */
  async completeUpload(
    upload: StagedUpload,
    parts: readonly { partNumber: number; etag: string }[],
    options: CallOptions & { contentType?: string; metadata?: Record<string, string> } = {},
  ): Promise<LakeEntry> {
    const stats = await this.http.json<ObjectStats>({
      method: 'PUT',
      path: uploadPath(upload),
      query: { path: upload.path },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        physical_address: upload.physicalAddress,
        parts: parts.map(({ partNumber, etag }) => ({ part_number: partNumber, etag })),
        content_type: options.contentType,
        user_metadata: options.metadata,
      }),
      subject: writing(upload.repository, upload.branch, upload.path),
      signal: options.signal,
    });
    return entryOf(stats, false);
  }

  abortUpload(upload: StagedUpload, options: CallOptions = {}): Promise<void> {
    return this.http.done({
      method: 'DELETE',
      path: uploadPath(upload),
      query: { path: upload.path },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ physical_address: upload.physicalAddress }),
      subject: writing(upload.repository, upload.branch, upload.path),
      signal: options.signal,
    });
  }
}

function uploadPath({ repository, branch, id }: StagedUpload): string {
  return `${branchPath(repository, branch)}/staging/pmpu/${encode(id)}`;
}

function isAzure(url: string): boolean {
  return /^https:\/\/[^/]+\.(?:blob|dfs)\.core\./.test(url);
}
