import type { Readable } from 'node:stream';
import type { ByteRange } from '../../stores/store.ts';
import type { Answer } from '../../stores/wire/answer.ts';
import type { LakefsConnection } from './connection.ts';
import { entryOf, type LakeEntry, type ObjectStats } from './entry.ts';
import { header } from './failure.ts';
import { branchPath, encode, refPath, subjectOf } from './paths.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type {
  CallOptions,
  Commit,
  DiffLine,
  DiffOptions,
  EntryPage,
  ListEntriesOptions,
  Ref,
  Repository,
  StorageConfig,
} from './types.ts';

/** The most that one page of a listing or a diff holds. */
export const MAX_PAGE = 1000;
/** Bytes. lakeFS ends a range at some 20 MB of entries; a metarange of a huge repository is of that order, too. */
const METADATA_LIMIT = 512 * 1024 * 1024;

export interface Content {
  /** 200 or 206. */
  status: number;
  contentLength?: number;
  contentRange?: string;
  etag?: string;
  body: Readable;
}

interface Paged<T> {
  pagination: { has_more: boolean; next_offset: string };
  results: T[];
}

/**
 * What the REST API of one lakeFS lets read. Every call retries what can be retried and throws StoreErrors that carry
 * lakeFS's own message: UNAUTHENTICATED, ACCESS_DENIED, NOT_FOUND, UNSUPPORTED (a server that cannot presign),
 * THROTTLED, UNAVAILABLE, TIMEOUT, CONNECTION, PROTOCOL (no lakeFS at this endpoint).
 *
 * Source: https://docs.lakefs.io/reference/api/
 */
export class LakeReader {
  readonly endpoint: string;
  protected readonly http: Transport;
  #config: Promise<StorageConfig> | undefined;

  constructor(connection: LakefsConnection, options: TransportOptions = {}) {
    this.endpoint = connection.endpoint;
    this.http = new Transport(connection, options);
  }

  /** What the server's block store can do. Asked once. */
  storageConfig(): Promise<StorageConfig> {
    const subject = { store: this.endpoint, doing: "read lakeFS's configuration" };
    this.#config ??= this.http
      .json<{ storage_config: StorageConfig; storage_config_list?: StorageConfig[] }>({
        path: '/config',
        subject,
      })
      // A server with several block stores describes them in the list only.
      .then((config) => config.storage_config ?? config.storage_config_list?.[0]);
    this.#config.catch(() => {
      this.#config = undefined;
    });
    return this.#config;
  }

  repository(repository: string, options: CallOptions = {}): Promise<Repository> {
    return this.http.json({
      path: `/repositories/${encode(repository)}`,
      subject: { store: `lakefs://${repository}`, doing: `find the repository ${repository}` },
      signal: options.signal,
    });
  }

  /** Pins any ref expression (`main`, `v1`, `main~1`, the beginning of an id): its `id` never changes. */
  commit(repository: string, ref: string, options: CallOptions = {}): Promise<Commit> {
    return this.http.json({
      path: `/repositories/${encode(repository)}/commits/${encode(ref)}`,
      subject: subjectOf(repository, ref, `find the commit of ${ref} in the repository ${repository}`),
      signal: options.signal,
    });
  }

  /** `commit_id` is its HEAD, without what is staged. */
  branch(repository: string, branch: string, options: CallOptions = {}): Promise<Ref> {
    return this.http.json({
      path: `/repositories/${encode(repository)}/branches/${encode(branch)}`,
      subject: subjectOf(repository, branch, `find the branch ${branch} of the repository ${repository}`),
      signal: options.signal,
    });
  }

  tag(repository: string, tag: string, options: CallOptions = {}): Promise<Ref> {
    return this.http.json({
      path: `/repositories/${encode(repository)}/tags/${encode(tag)}`,
      subject: subjectOf(repository, tag, `find the tag ${tag} of the repository ${repository}`),
      signal: options.signal,
    });
  }

  repositories(options: CallOptions & { prefix?: string } = {}): AsyncGenerator<Repository[]> {
    const subject = { store: this.endpoint, doing: 'list the repositories' };
    return this.#pages('/repositories', subject, options);
  }

  branches(repository: string, options: CallOptions & { prefix?: string } = {}): AsyncGenerator<Ref[]> {
    const subject = { store: `lakefs://${repository}`, doing: `list the branches of ${repository}` };
    return this.#pages(`/repositories/${encode(repository)}/branches`, subject, options);
  }

  tags(repository: string, options: CallOptions & { prefix?: string } = {}): AsyncGenerator<Ref[]> {
    const subject = { store: `lakefs://${repository}`, doing: `list the tags of ${repository}` };
    return this.#pages(`/repositories/${encode(repository)}/tags`, subject, options);
  }

  /** Commits from this ref back, newest first. */
  log(
    repository: string,
    ref: string,
    options: CallOptions & { amount?: number } = {},
  ): AsyncGenerator<Commit[]> {
    const subject = subjectOf(repository, ref, `read the history of ${ref} in ${repository}`);
    return this.#pages(`/repositories/${encode(repository)}/refs/${encode(ref)}/commits`, subject, options);
  }

  /** One page of a listing, in key order (bytes of UTF-8). */
  async listPage(repository: string, ref: string, options: ListEntriesOptions = {}): Promise<EntryPage> {
    const { prefix, after, delimiter, presign, amount = MAX_PAGE, signal } = options;
    const page = await this.http.json<Paged<ObjectStats>>({
      path: `${refPath(repository, ref)}/objects/ls`,
      query: { prefix, after, delimiter, presign, amount },
      subject: subjectOf(repository, ref, `list lakefs://${repository}/${ref}`),
      signal,
    });
    const entries: LakeEntry[] = [];
    const prefixes: string[] = [];
    for (const stats of page.results) {
      if (stats.path_type === 'common_prefix') prefixes.push(stats.path);
      else entries.push(entryOf(stats, presign ?? false));
    }
    const { has_more, next_offset } = page.pagination;
    return has_more ? { entries, prefixes, next: next_offset } : { entries, prefixes };
  }

  /** A whole listing, page by page; a branch's includes what is staged on it. */
  async *list(repository: string, ref: string, options: ListEntriesOptions = {}): AsyncGenerator<EntryPage> {
    for (let after = options.after; ; ) {
      const page = await this.listPage(repository, ref, { ...options, after });
      yield page;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  async stat(
    repository: string,
    ref: string,
    path: string,
    options: CallOptions & { presign?: boolean } = {},
  ): Promise<LakeEntry> {
    const stats = await this.http.json<ObjectStats>({
      path: `${refPath(repository, ref)}/objects/stat`,
      query: { path, presign: options.presign },
      subject: subjectOf(repository, ref, `look up ${path} in lakefs://${repository}/${ref}`, path),
      signal: options.signal,
    });
    return entryOf(stats, options.presign ?? false);
  }

  /**
   * Opens an object's bytes: through lakeFS, or with `presign` straight from the object store. The body must be
   * read to its end or destroyed.
   * @throws RANGE_NOT_SATISFIABLE, UNSUPPORTED (presign)
   */
  async get(
    repository: string,
    ref: string,
    path: string,
    options: CallOptions & { range?: ByteRange; presign?: boolean } = {},
  ): Promise<Content> {
    const answer = await this.http.open({
      path: `${refPath(repository, ref)}/objects`,
      query: { path, presign: options.presign },
      headers: rangeHeader(options.range),
      subject: subjectOf(repository, ref, `read ${path} of lakefs://${repository}/${ref}`, path),
      signal: options.signal,
    });
    return contentOf(answer);
  }

  /**
   * Opens a presigned address (an entry's `presignedUrl`), without credentials.
   * @param what is read, for errors: `lakefs://repository/ref` and the path
   * @throws ACCESS_DENIED when the address has run out
   */
  async getPresigned(
    url: string,
    what: { store: string; key: string },
    options: CallOptions & { range?: ByteRange } = {},
  ): Promise<Content> {
    const answer = await this.http.presigned(url, {
      headers: rangeHeader(options.range),
      subject: { ...what, doing: `read ${what.key} of ${what.store}` },
      signal: options.signal,
    });
    return contentOf(answer);
  }

  /** The difference of two refs themselves (`two_dot`), in key order, page by page. */
  diff(
    repository: string,
    left: string,
    right: string,
    options: DiffOptions = {},
  ): AsyncGenerator<DiffLine[]> {
    const subject = subjectOf(repository, right, `compare ${left} with ${right} in ${repository}`);
    return this.#diffPages(`${refPath(repository, left)}/diff/${encode(right)}`, subject, {
      ...options,
      type: 'two_dot',
    });
  }

  /** What is staged on a branch and not committed, in key order, page by page. */
  uncommitted(repository: string, branch: string, options: DiffOptions = {}): AsyncGenerator<DiffLine[]> {
    const subject = subjectOf(repository, branch, `list what is staged on ${branch} of ${repository}`);
    return this.#diffPages(`${branchPath(repository, branch)}/diff`, subject, options);
  }

  /** The bytes of a metarange or a range: an SSTable. With `presign` they come from the object store. */
  metadataObject(
    repository: string,
    type: 'meta_range' | 'range',
    id: string,
    options: CallOptions & { presign?: boolean } = {},
  ): Promise<Buffer> {
    const call = {
      path: `/repositories/${encode(repository)}/metadata/object/${type}/${encode(id)}`,
      query: { presign: options.presign || undefined },
      subject: {
        store: `lakefs://${repository}`,
        key: id,
        doing: `read the metadata (${type}) of ${repository}`,
      },
      signal: options.signal,
    };
    return this.http.bytes(call, METADATA_LIMIT);
  }

  /** Ends all connections; calls that are under way fail. */
  close(): Promise<void> {
    return this.http.close();
  }

  async *#diffPages(
    path: string,
    subject: { store: string; doing: string },
    options: DiffOptions & { type?: string },
  ): AsyncGenerator<DiffLine[]> {
    interface Diff {
      path: string;
      type: DiffLine['type'];
      path_type: string;
      size_bytes?: number;
    }
    for await (const page of this.#pages<Diff>(path, subject, options))
      yield page.map((line) => ({ path: line.path, type: line.type, size: line.size_bytes }));
  }

  async *#pages<T>(
    path: string,
    subject: { store: string; doing: string },
    options: DiffOptions & { type?: string },
  ): AsyncGenerator<T[]> {
    const { signal, amount = MAX_PAGE, ...query } = options;
    for (let after = query.after; ; ) {
      const page = await this.http.json<Paged<T>>({
        path,
        query: { ...query, amount, after },
        subject,
        signal,
      });
      yield page.results;
      if (!page.pagination.has_more) return;
      after = page.pagination.next_offset;
    }
  }
}

function rangeHeader(range: ByteRange | undefined): Record<string, string> {
  if (!range) return {};
  return { range: 'last' in range ? `bytes=-${range.last}` : `bytes=${range.start}-${range.end ?? ''}` };
}

function contentOf(answer: Answer): Content {
  const length = header(answer.headers, 'content-length');
  return {
    status: answer.status,
    contentLength: length === undefined ? undefined : Number(length),
    contentRange: header(answer.headers, 'content-range'),
    etag: header(answer.headers, 'etag')?.replaceAll('"', ''),
    body: answer.body,
  };
}
