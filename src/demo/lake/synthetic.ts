import { createHash, hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { compareKeys } from '../../base/keys.ts';
import type { ByteRange } from '../../stores/store.ts';
import { addRange } from './committing.ts';
import { entryData, recordValue } from './encoding.ts';
import { LakeFailure } from './failure.ts';
import { commitId } from './history.ts';
import { Repository } from './repository.ts';
import { LakeServer } from './server.ts';
import type { Storage } from './storage.ts';
import { TableWriter } from './table-writer.ts';
import type { Tree, TreeEntry } from './tree.ts';

const RANGE_ENTRIES = 50_000;
const RANGES_KEPT = 4;
const MTIME = 1_790_000_000;

export interface SyntheticLakeOptions {
  repository?: string;
  /** How many objects, from the first on, differ between the tag `v1` and `main`; 1 % when absent. */
  changed?: number;
  port?: number;
}

/**
 * Starts a lake of so many small objects that are stored nowhere: entries, metadata and bytes are made when they
 * are asked for, the same every time. The tag `v1` is one commit before `main`.
 */
export async function syntheticLake(count: number, options: SyntheticLakeOptions = {}): Promise<LakeServer> {
  const { repository: id = 'synthetic', changed = Math.ceil(count / 100), port } = options;
  const trees = [new SyntheticTree(count, 0), new SyntheticTree(count, changed)];
  const repository = new Repository({ id, storage: new SyntheticStorage(trees), creationDate: MTIME });
  let parents: string[] = [];
  for (const [index, tree] of trees.entries()) {
    const content = {
      parents,
      committer: 'admin',
      message: index === 0 ? 'all objects' : 'some changed',
      creation_date: MTIME + index,
      meta_range_id: tree.metaRangeId,
      metadata: {},
      generation: index + 1,
      version: 1,
    };
    const commit = { id: commitId(content), ...content };
    repository.commits.set(commit.id, commit);
    repository.trees.set(tree.metaRangeId, Promise.resolve(tree));
    if (index === 0) repository.tags.set('v1', commit.id);
    repository.branches.set('main', { commitId: commit.id, staged: new Map() });
    parents = [commit.id];
  }
  const server = new LakeServer();
  server.repositories.set(id, repository);
  await server.listen(port);
  return server;
}

/** Objects by number; the first `changed` of them are of a second generation. */
class SyntheticTree implements Tree {
  readonly metaRangeId: string;
  readonly metaRange: Buffer;
  readonly #count: number;
  readonly #changed: number;

  constructor(count: number, changed: number) {
    this.#count = count;
    this.#changed = changed;
    const table = new TableWriter('metaranges');
    for (let first = 0; first < count; first += RANGE_ENTRIES) {
      const last = Math.min(first + RANGE_ENTRIES, count) - 1;
      const [minKey, maxKey] = [pathOf(first), pathOf(last)].map((path) => Buffer.from(path));
      const entries = last - first + 1;
      addRange(table, { id: this.#rangeId(first), minKey: minKey!, maxKey: maxKey!, count: entries });
    }
    const { id, bytes } = table.finish();
    this.metaRangeId = id;
    this.metaRange = bytes;
  }

  get(path: string): TreeEntry | undefined {
    const index = Number(/object-(\d{9})\.bin$/.exec(path)?.[1] ?? Number.NaN);
    return index < this.#count && pathOf(index) === path ? this.#entry(index) : undefined;
  }

  *from(key: string, exclusive = false): Generator<TreeEntry> {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (compareKeys(pathOf(middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    if (exclusive && low < this.#count && pathOf(low) === key) low++;
    for (; low < this.#count; low++) yield this.#entry(low);
  }

  /** The bytes of a range of this tree; undefined for an id that is none. */
  range(id: string): Buffer | undefined {
    for (let first = 0; first < this.#count; first += RANGE_ENTRIES) {
      if (this.#rangeId(first) !== id) continue;
      const table = new TableWriter('ranges', id);
      for (let i = first; i < Math.min(first + RANGE_ENTRIES, this.#count); i++) {
        const entry = this.#entry(i);
        // Equal content has an equal checksum here, so that alone can stand for the identity.
        const identity = Buffer.from(entry.checksum.repeat(2), 'hex');
        table.add(Buffer.from(entry.path), recordValue(identity, entryData(entry)));
      }
      return table.finish().bytes;
    }
    return undefined;
  }

  #entry(index: number): TreeEntry {
    const address = `data/${index < this.#changed ? 2 : 1}/${index}`;
    const content = contentOf(address);
    return {
      path: pathOf(index),
      address,
      checksum: hash('md5', content),
      size: content.length,
      mtime: MTIME,
      contentType: 'application/octet-stream',
    };
  }

  /** Trees share the ranges that lie beyond what changed. */
  #rangeId(first: number): string {
    const changed = Math.min(Math.max(this.#changed - first, 0), RANGE_ENTRIES);
    return createHash('sha256').update(`${this.#count} ${first} ${changed}`).digest('hex');
  }
}

class SyntheticStorage implements Storage {
  readonly type = 'local';
  readonly namespace = 'local://synthetic';
  readonly #trees: readonly SyntheticTree[];
  readonly #ranges = new Map<string, Buffer>();

  constructor(trees: readonly SyntheticTree[]) {
    this.#trees = trees;
  }

  physicalAddress(entry: TreeEntry): string {
    return `local:///synthetic/${entry.address}`;
  }

  async open(entry: TreeEntry, range?: ByteRange): Promise<Readable> {
    const bytes = Buffer.from(contentOf(entry.address));
    const part =
      range && 'start' in range ? bytes.subarray(range.start, (range.end ?? bytes.length) + 1) : bytes;
    return Readable.from([part]);
  }

  async metadata(id: string): Promise<Buffer> {
    const metaRange = this.#trees.find((tree) => tree.metaRangeId === id)?.metaRange;
    if (metaRange) return metaRange;
    let bytes = this.#ranges.get(id);
    for (const tree of this.#trees) bytes ??= tree.range(id);
    if (!bytes) throw new LakeFailure(410, 'No data');
    this.#ranges.delete(id);
    this.#ranges.set(id, bytes);
    if (this.#ranges.size > RANGES_KEPT) this.#ranges.delete(this.#ranges.keys().next().value!);
    return bytes;
  }

  async write(): Promise<never> {
    throw readOnly();
  }

  newAddress(): never {
    throw readOnly();
  }

  async writeMetadata(): Promise<never> {
    throw readOnly();
  }
}

function pathOf(index: number): string {
  const folder = String(Math.floor(index / 1000)).padStart(6, '0');
  return `data/part=${folder}/object-${String(index).padStart(9, '0')}.bin`;
}

/** Some tens of bytes, told apart by the address. */
function contentOf(address: string): string {
  return `the synthetic object at ${address}\n`;
}

function readOnly(): LakeFailure {
  return new LakeFailure(403, 'read-only repository');
}
