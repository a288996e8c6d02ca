import type { Readable } from 'node:stream';
import { StoreError } from '../../stores/errors.ts';
import { entryOf, type LakeEntry, type ObjectStats } from './entry.ts';
import { branchPath, subjectOf, writing } from './paths.ts';
import { LakeStaging } from './staging.ts';
import type { CallOptions, Commit } from './types.ts';

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

/** The REST API of one lakeFS: what a LakeReader reads, what LakeStaging writes past it, and changes on its branches. */
export class LakeClient extends LakeStaging {
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
      size: options.size,
      subject: writing(repository, branch, path),
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
