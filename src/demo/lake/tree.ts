import { compareKeys } from '../../base/keys.ts';

/** An object of the sample lake as a commit or a branch has it. */
export interface TreeEntry {
  path: string;
  /** Below the storage namespace, or a whole address with `full`. */
  address: string;
  full?: boolean;
  checksum: string;
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  contentType: string;
  metadata?: Record<string, string>;
}

/** Entries in key order: a commit's, or a branch's with what is staged on it. */
export interface View {
  get(path: string): TreeEntry | undefined;
  /** Those at or above a key; above it only, when `exclusive`. */
  from(key: string, exclusive?: boolean): Iterable<TreeEntry>;
}

/** What a commit's metarange lists. */
export interface Tree extends View {
  readonly metaRangeId: string;
}

/** A tree in memory. */
export class ArrayTree implements Tree {
  readonly metaRangeId: string;
  readonly entries: readonly TreeEntry[];

  /** @param entries in key order */
  constructor(metaRangeId: string, entries: readonly TreeEntry[]) {
    this.metaRangeId = metaRangeId;
    this.entries = entries;
  }

  get(path: string): TreeEntry | undefined {
    const entry = this.entries[lowerBound(this.entries, path, (each) => each.path)];
    return entry?.path === path ? entry : undefined;
  }

  *from(key: string, exclusive = false): Generator<TreeEntry> {
    let at = lowerBound(this.entries, key, (entry) => entry.path);
    if (exclusive && this.entries[at]?.path === key) at++;
    for (; at < this.entries.length; at++) yield this.entries[at]!;
  }
}

/** A tree with changes on top; null stands for an object that was deleted. */
export class StagedView implements View {
  readonly #tree: View;
  readonly #staged: ReadonlyMap<string, TreeEntry | null>;

  constructor(tree: View, staged: ReadonlyMap<string, TreeEntry | null>) {
    this.#tree = tree;
    this.#staged = staged;
  }

  get(path: string): TreeEntry | undefined {
    const staged = this.#staged.get(path);
    return staged === undefined ? this.#tree.get(path) : (staged ?? undefined);
  }

  *from(key: string, exclusive = false): Generator<TreeEntry> {
    const paths = [...this.#staged.keys()].sort(compareKeys);
    let at = lowerBound(paths, key, (path) => path);
    if (exclusive && paths[at] === key) at++;
    for (const entry of this.#tree.from(key, exclusive)) {
      while (at < paths.length && compareKeys(paths[at]!, entry.path) < 0) {
        const staged = this.#staged.get(paths[at++]!);
        if (staged) yield staged;
      }
      if (paths[at] === entry.path) {
        const staged = this.#staged.get(paths[at++]!);
        if (staged) yield staged;
      } else yield entry;
    }
    for (; at < paths.length; at++) {
      const staged = this.#staged.get(paths[at]!);
      if (staged) yield staged;
    }
  }
}

/** The index of the first item whose key is not below this one. */
function lowerBound<T>(items: readonly T[], key: string, keyOf: (item: T) => string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keyOf(items[middle]!), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
