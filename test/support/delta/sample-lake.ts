import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { compareKeys } from '../../../src/base/keys.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import type { GetOptions, ListOptions } from '../../../src/stores/store.ts';
import type { LakeChange, LakeFile, TableSource } from '../../../src/tables/method.ts';

export const FIXTURES = join(import.meta.dirname, '../../fixtures/delta');
/** In the recorded answers this stands for the folder that the namespace is unpacked into. */
export const RECORDED = 'local:///lake/';

/** Counts what is asked of it. */
export class CountingStore extends MemoryStore {
  readonly requests: string[] = [];

  override async *list(options?: ListOptions) {
    this.requests.push(`list ${options?.prefix ?? ''}`);
    yield* super.list(options);
  }

  override get(key: string, options?: GetOptions) {
    this.requests.push(`get ${key}`);
    return super.get(key, options);
  }
}

/** Commits of a lake: the four sample tables at their two commits as a running lakeFS answered, and more that tests make. */
export class SampleLake implements Disposable {
  /** Where the objects lie, ending with '/'. */
  readonly folder = `${mkdtempSync(join(tmpdir(), 'sluice-lake-'))}/`;
  readonly c1: string;
  readonly c2: string;
  /** Listings and comparisons that were asked for. */
  readonly requests: string[] = [];
  /** How far a commit is from the first. */
  readonly generations = new Map<string, number>();
  readonly #commits = new Map<string, Map<string, LakeFile>>();
  readonly #stores = new Map<string, Promise<CountingStore>>();

  constructor() {
    execFileSync('tar', ['xzf', join(FIXTURES, 'namespace.tar.gz'), '-C', this.folder]);
    const commits = JSON.parse(readFileSync(join(FIXTURES, 'commits.json'), 'utf8'));
    this.c1 = commits.c1;
    this.c2 = commits.c2;
    for (const line of readFileSync(join(FIXTURES, 'api.jsonl'), 'utf8').trim().split('\n')) {
      const { request, response } = JSON.parse(line);
      const commit = /refs\/([0-9a-f]{64})\/objects\/ls/.exec(request.path)?.[1];
      if (commit) this.#commits.set(commit, new Map(response.json.results.map(lakeFile)));
    }
  }

  /** A commit that differs from another one. @param changes path → its new content, or null to delete it */
  commit(from: string, changes: Record<string, Buffer | string | null>): string {
    const files = new Map(this.#commits.get(from));
    for (const [path, content] of Object.entries(changes)) {
      if (content === null) files.delete(path);
      else files.set(path, this.#stored(path, Buffer.from(content)));
    }
    const id = createHash('sha256').update(randomUUID()).digest('hex');
    this.#commits.set(id, files);
    this.generations.set(id, (this.generations.get(from) ?? 2) + 1);
    return id;
  }

  /** A commit whose table `plain` has one more version, with 25 more rows. */
  appendToPlain(from: string): string {
    const folder = 'tables/plain/';
    const log = `${folder}_delta_log/`;
    const paths = this.files(from).map(({ path }) => path);
    const version = paths.filter((path) => path.startsWith(log) && path.endsWith('.json')).length;
    const data = paths.find((path) => /plain\/part-00000-[^/]*\.parquet$/.test(path))!;
    const bytes = this.read(from, data);
    const name = `part-more-${version}.parquet`;
    const add = {
      path: name,
      partitionValues: {},
      size: bytes.length,
      modificationTime: 1_795_240_694_000 + version,
      dataChange: true,
      stats: '{"numRecords":25}',
    };
    return this.commit(from, {
      [`${log}${String(version).padStart(20, '0')}.json`]: `${JSON.stringify({ add })}\n`,
      [folder + name]: bytes,
    });
  }

  #stored(path: string, bytes: Buffer): LakeFile {
    const name = randomUUID();
    writeFileSync(this.folder + name, bytes);
    const checksum = createHash('md5').update(bytes).digest('hex');
    return { path, address: RECORDED + name, size: bytes.length, checksum };
  }

  has(commit: string): boolean {
    return this.#commits.has(commit);
  }

  files(commit: string): LakeFile[] {
    return [...this.#commits.get(commit)!.values()];
  }

  find<T>(commit: string, path: string, show: (file: LakeFile) => T): T | undefined {
    const file = this.#commits.get(commit)!.get(path);
    return file && show(file);
  }

  read(commit: string, path: string): Buffer {
    return this.bytes(this.#commits.get(commit)!.get(path)!.address);
  }

  /** An object by its recorded address. */
  bytes(address: string): Buffer {
    return readFileSync(address.replace(RECORDED, this.folder));
  }

  /** The files of a commit in a folder, under their paths. */
  async intoFolder(commit: string, folder: string): Promise<void> {
    for (const { path, address } of this.files(commit)) {
      if (path.endsWith('/')) continue;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), this.bytes(address));
    }
  }

  store(commit: string): Promise<CountingStore> {
    let store = this.#stores.get(commit);
    if (!store) {
      store = this.#filled(commit);
      this.#stores.set(commit, store);
    }
    return store;
  }

  async #filled(commit: string): Promise<CountingStore> {
    const store = new CountingStore(`lakefs://lake/${commit}`);
    for (const { path, address } of this.#commits.get(commit)!.values())
      await store.put(path, this.bytes(address));
    return store;
  }

  async source(table: string, commit: string, root = `tables/${table}/`): Promise<TableSource> {
    const files = (id: string): LakeFile[] =>
      [...this.#commits.get(id)!.values()]
        .filter(({ path }) => path.startsWith(root))
        .sort((a, b) => compareKeys(a.path, b.path));
    const { requests } = this;
    return {
      repository: 'lake',
      branch: 'main',
      commit,
      committedAt: 1_795_240_694_000,
      root,
      store: await this.store(commit),
      async *list({ after = '', pageSize = 1000 }) {
        const all = files(commit).filter(({ path }) => compareKeys(path, after) > 0);
        for (let i = 0; i < all.length; i += pageSize) {
          requests.push('list');
          yield all.slice(i, i + pageSize);
        }
      },
      diff: async (since) => {
        requests.push('diff');
        if (!this.#commits.has(since)) return undefined;
        return this.#diff(files(since), files(commit));
      },
      carry: async (file, to) => {
        requests.push('carry');
        await to.store.put(to.key, this.bytes(file.address));
      },
    };
  }

  async *#diff(before: LakeFile[], after: LakeFile[]): AsyncGenerator<LakeChange[]> {
    const old = new Map(before.map((file) => [file.path, file]));
    const now = new Set(after.map((file) => file.path));
    yield [
      ...after.flatMap(({ path, checksum }): LakeChange[] => {
        const known = old.get(path);
        if (!known) return [{ path, type: 'added' }];
        return known.checksum === checksum ? [] : [{ path, type: 'changed' }];
      }),
      ...before.flatMap(({ path }): LakeChange[] => (now.has(path) ? [] : [{ path, type: 'removed' }])),
    ];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function lakeFile(entry: {
  path: string;
  physical_address: string;
  size_bytes: number;
  checksum: string;
}): [string, LakeFile] {
  const { path, physical_address: address, size_bytes: size, checksum } = entry;
  return [path, { path, address, size, checksum }];
}
