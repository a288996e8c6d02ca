import type { Readable } from 'node:stream';
import { StoreError } from '../../stores/errors.ts';
import { entryOf, type LakeEntry, type ObjectStats } from './entry.ts';
import { header } from './failure.ts';
import { branchPath, subjectOf } from './paths.ts';
import { LakeReader } from './reader.ts';
import type { CallOptions, Commit, StagingLocation } from './types.ts';

/** The most paths of one `deleteObjects`. */
export const MAX_DELETE = 1000;

/** What HTTP can carry. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
const HEADER_VALUE = /^[\x20-\x7e\t]*$/;

export interface UploadOptions extends CallOptions {
  contentType?: string;
  metadata?: Record<string, string>;
  /** Bytes; needed for a stream to go without chunked encoding. */
  size?: number;
  /** '*': only when the path is not there. */
  ifNoneMatch?: '*';
}

/** The REST API of one lakeFS: what a LakeReader reads, and changes on its branches. */
export class LakeClient extends LakeReader {
  /** Writes an object on a branch through lakeFS. @throws PRECONDITION_FAILED (ifNoneMatch), ACCESS_DENIED (protected) */
  async upload(
    repository: string,
    branch: string,
    path: string,
    body: Uint8Array | (() => Promise<Readable>),
    options: UploadOptions = {},
  ): Promise<LakeEntry> {
    const headers: Record<string, string> = {
      'content-type': options.contentType ?? 'application/octet-stream',
    };
    if (options.size !== undefined) headers['content-length'] = String(options.size);
    if (options.ifNoneMatch) headers['if-none-match'] = options.ifNoneMatch;
    for (const [name, value] of Object.entries(options.metadata ?? {})) {
      if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) {
        throw new StoreError(
          'BAD_SPEC',
          `The user metadata "${name}" of ${path} cannot be sent to lakeFS: only printable ASCII can.`,
          { store: `lakefs://${repository}/${branch}`, key: path },
        );
      }
      headers[`x-lakefs-meta-${name}`] = value;
    }
    const stats = await this.http.json<ObjectStats>({
      method: 'POST',
      path: `${branchPath(repository, branch)}/objects`,
      query: { path },
      headers,
      body,
      subject: subjectOf(repository, branch, `write ${path} to lakefs://${repository}/${branch}`, path),
      signal: options.signal,
    });
    return entryOf(stats, false);
  }

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
    if (options.size !== undefined) headers['content-length'] = String(options.size);
    if (options.contentType) headers['content-type'] = options.contentType;
    if (isAzure(url)) headers['x-ms-blob-type'] = 'BlockBlob';
    const answer = await this.http.presigned(url, {
      method: 'PUT',
      headers,
      body,
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
      subject: subjectOf(repository, branch, `write ${path} to lakefs://${repository}/${branch}`, path),
      signal: options.signal,
    });
    return entryOf(stats, false);
  }

  /** Copies an object of the same repository, with its properties, inside the object store. */
  async copyObject(
    repository: string,
    branch: string,
    path: string,
    sourceRef: string,
    sourcePath: string,
    options: CallOptions = {},
  ): Promise<LakeEntry> {
    const stats = await this.http.json<ObjectStats>({
      method: 'POST',
      path: `${branchPath(repository, branch)}/objects/copy`,
      query: { dest_path: path },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ src_path: sourcePath, src_ref: sourceRef }),
      subject: subjectOf(repository, branch, `copy ${sourcePath} of ${sourceRef} to ${path}`, path),
      signal: options.signal,
    });
    return entryOf(stats, false);
  }

  /** One that is not there is no error. */
  deleteObject(repository: string, branch: string, path: string, options: CallOptions = {}): Promise<void> {
    return this.http.done({
      method: 'DELETE',
      path: `${branchPath(repository, branch)}/objects`,
      query: { path },
      subject: subjectOf(repository, branch, `delete ${path} from lakefs://${repository}/${branch}`, path),
      signal: options.signal,
    });
  }

  /** Deletes at most MAX_DELETE paths; gives those that failed. One that is not there is no failure. */
  async deleteObjects(
    repository: string,
    branch: string,
    paths: readonly string[],
    options: CallOptions = {},
  ): Promise<{ path: string; status: number; message: string }[]> {
    interface Failure {
      path?: string;
      status_code: number;
      message: string;
    }
    const answer = await this.http.json<{ errors: Failure[] }>({
      method: 'POST',
      path: `${branchPath(repository, branch)}/objects/delete`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ paths }),
      subject: subjectOf(repository, branch, `delete from lakefs://${repository}/${branch}`),
      signal: options.signal,
    });
    return answer.errors.map(({ path, status_code, message }) => ({
      path: path ?? '',
      status: status_code,
      message,
    }));
  }

  /** Commits what is staged on a branch. Is not repeated when the answer was lost. */
  commitBranch(
    repository: string,
    branch: string,
    message: string,
    options: CallOptions & { metadata?: Record<string, string> } = {},
  ): Promise<Commit> {
    return this.http.json({
      method: 'POST',
      path: `${branchPath(repository, branch)}/commits`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ message, metadata: options.metadata }),
      subject: subjectOf(repository, branch, `commit lakefs://${repository}/${branch}`),
      once: true,
      signal: options.signal,
    });
  }
}

function isAzure(url: string): boolean {
  return /^https:\/\/[^/]+\.(?:blob|dfs)\.core\./.test(url);
}
