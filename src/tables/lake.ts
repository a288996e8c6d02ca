import type { Connection } from '../base/connections.ts';
import { isError } from '../base/errors.ts';
import { parseLakefsConnection } from '../lake/client/connection.ts';
import type { LakeEntry } from '../lake/client/entry.ts';
import { LakeReader } from '../lake/client/reader.ts';
import type { Commit } from '../lake/client/types.ts';
import { readAll } from '../stores/read.ts';
import type { LakeChange, LakeFile } from './method.ts';

/** What tables need of a lake: commits, files by path, and comparisons. */
export interface Lake {
  /** @throws NOT_FOUND */
  commit(repository: string, ref: string): Promise<Commit>;
  /** Whether a ref is the name of a branch. */
  isBranch(repository: string, ref: string): Promise<boolean>;
  /** @throws NOT_FOUND, TOO_LARGE */
  read(repository: string, ref: string, path: string): Promise<Buffer>;
  list(
    repository: string,
    ref: string,
    options: { prefix: string; after?: string; amount?: number; signal?: AbortSignal },
  ): AsyncIterable<LakeFile[]>;
  /** Undefined when a commit is not there any more. */
  diff(
    repository: string,
    left: string,
    right: string,
    options: { prefix: string; amount?: number; signal?: AbortSignal },
  ): Promise<AsyncIterable<LakeChange[]> | undefined>;
  /** Where the repository keeps its objects: `s3://bucket/folder`. @throws NOT_FOUND */
  storageNamespace(repository: string): Promise<string>;
  close(): Promise<void>;
}

const DESCRIPTOR_BYTES = 1 << 20;

/** A lakeFS behind a connection, or behind the environment's own settings. */
export function openLake(connection: Connection | undefined): Lake {
  const reader = new LakeReader(parseLakefsConnection(connection));
  return {
    commit: (repository, ref) => reader.commit(repository, ref),
    async isBranch(repository, ref) {
      try {
        await reader.branch(repository, ref);
        return true;
      } catch (error) {
        if (isError(error, 'NOT_FOUND', 'BAD_KEY', 'BAD_SPEC')) return false;
        throw error;
      }
    },
    async read(repository, ref, path) {
      const { body } = await reader.get(repository, ref, path);
      return await readAll(body, DESCRIPTOR_BYTES);
    },
    async *list(repository, ref, options) {
      for await (const page of reader.list(repository, ref, options)) yield page.entries.map(lakeFile);
    },
    async diff(repository, left, right, options) {
      const pages = reader.diff(repository, left, right, options);
      const first = await firstPage(pages);
      if (first === undefined) return undefined;
      return (async function* () {
        if (!first.done) yield first.value.map(change);
        for await (const page of pages) yield page.map(change);
      })();
    },
    storageNamespace: async (repository) => (await reader.repository(repository)).storage_namespace,
    close: () => reader.close(),
  };
}

/** The request goes out here, so that a commit that is gone shows now. */
async function firstPage<T>(pages: AsyncGenerator<T>): Promise<IteratorResult<T> | undefined> {
  try {
    return await pages.next();
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

const lakeFile = ({ path, physicalAddress, size, checksum }: LakeEntry): LakeFile => ({
  path,
  address: physicalAddress,
  size,
  checksum,
});

const change = ({ path, type }: { path: string; type: string }): LakeChange => ({
  path,
  type: type === 'added' || type === 'removed' ? type : 'changed',
});
