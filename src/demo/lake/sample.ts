import { MemoryStore } from '../../stores/memory/store.ts';
import type { Store } from '../../stores/store.ts';
import type { SampleCommit } from './history.ts';
import { linkedEntry } from './object-routes.ts';
import { Repository } from './repository.ts';
import { LakeServer } from './server.ts';
import { StoreStorage } from './storage.ts';
import type { TreeEntry } from './tree.ts';

export interface SampleLakeOptions {
  /** Where blocks and committed metadata are kept; memory when absent. */
  blocks?: Store;
  /** What the store's root is called in physical addresses: `s3://bucket`. Without it the lake is `local://`. */
  root?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** The first repository's name. */
  repository?: string;
  /** Entries of a committed range, on average: small ones make many ranges of few objects. */
  rangeEntries?: number;
  /** Seconds since 1970. */
  now?: () => number;
}

export interface PutProperties {
  contentType?: string;
  metadata?: Record<string, string>;
}

/**
 * Starts a lake in this process: a server that answers as lakeFS does, with one repository. What is done here
 * needs no HTTP; the methods work on the first repository.
 */
export async function createSampleLake(options: SampleLakeOptions = {}): Promise<SampleLake> {
  const lake = new SampleLake(options);
  await lake.addRepository(options.repository ?? 'sample');
  await lake.server.listen(options.port);
  return lake;
}

export class SampleLake {
  readonly server = new LakeServer();
  readonly #options: SampleLakeOptions;
  readonly #blocks: Store;

  constructor(options: SampleLakeOptions = {}) {
    this.#options = options;
    this.#blocks = options.blocks ?? new MemoryStore();
  }

  get url(): string {
    return this.server.url;
  }

  /** The first repository. */
  get repository(): Repository {
    return this.server.repositories.values().next().value!;
  }

  /** Adds an empty repository with its default branch. */
  async addRepository(id: string): Promise<Repository> {
    const { root, rangeEntries, now } = this.#options;
    const storage = new StoreStorage({
      store: this.#blocks,
      folder: id,
      root: root ?? 'local:///lake',
      namespace: root ? undefined : `local://${id}`,
    });
    const repository = new Repository({ id, storage, rangeEntries, now });
    await repository.begin();
    this.server.repositories.set(id, repository);
    return repository;
  }

  /** Stages an object on a branch. */
  async put(
    branch: string,
    path: string,
    bytes: Buffer | string,
    properties: PutProperties = {},
  ): Promise<TreeEntry> {
    const { repository } = this;
    repository.branch(branch);
    const content = Buffer.from(bytes);
    const entry: TreeEntry = {
      path,
      ...(await repository.storage.write(content, content.length)),
      mtime: repository.now,
      contentType: properties.contentType ?? 'application/octet-stream',
    };
    if (properties.metadata) entry.metadata = properties.metadata;
    repository.stage(branch, path, entry);
    return entry;
  }

  /** Stages an object whose bytes lie in some object store already, as an import does. */
  link(
    branch: string,
    path: string,
    physicalAddress: string,
    properties: { checksum: string; size: number; mtime?: number } & PutProperties,
  ): TreeEntry {
    const { repository } = this;
    const { mtime = repository.now, contentType = 'application/octet-stream', ...rest } = properties;
    const entry = linkedEntry(repository, path, physicalAddress, { mtime, contentType, ...rest });
    repository.stage(branch, path, entry);
    return entry;
  }

  delete(branch: string, path: string): void {
    this.repository.stage(branch, path, null);
  }

  /** Commits what is staged, with the events of the webhooks. */
  commit(branch: string, message: string, metadata?: Record<string, string>): Promise<SampleCommit> {
    return this.server.hooks.commit(this.repository, branch, message, metadata);
  }

  merge(source: string, branch: string, message?: string): Promise<SampleCommit> {
    return this.server.hooks.merge(this.repository, source, branch, message);
  }

  /** @returns the commit's id */
  branch(name: string, source = this.repository.defaultBranch): string {
    return this.repository.createBranch(name, source);
  }

  /** @returns the commit's id */
  tag(name: string, ref = this.repository.defaultBranch): string {
    return this.repository.createTag(name, ref);
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
