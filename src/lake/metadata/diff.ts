import { compareKeys } from '../../base/keys.ts';
import { checkSignal } from '../../stores/checks.ts';
import type { LakeEntry } from '../client/entry.ts';
import { boundsOf, contains, overlaps } from './bounds.ts';
import type { Committed, ScanOptions } from './committed.ts';
import { EntryDecoder, type RangeInfo } from './records.ts';
import type { KeyBounds, SSTable } from './sstable.ts';

/** What differs under one path. */
export interface Change {
  path: string;
  type: 'added' | 'changed' | 'removed';
  /** What is there now; absent when it was removed. */
  entry?: LakeEntry;
  /** What was there before; absent when it was added. */
  before?: LakeEntry;
}

const BATCH = 1000;

/**
 * What leads from `left` to `right`, in key order, in batches. Both are walked side by side; ranges that they
 * share are not read.
 */
export async function* diffCommitted(
  left: Committed,
  right: Committed,
  options: ScanOptions = {},
): AsyncGenerator<Change[]> {
  const bounds = boundsOf(options);
  const { signal } = options;
  const before = new Walker(left, right, bounds, signal);
  const after = new Walker(right, left, bounds, signal);
  let changes: Change[] = [];
  for (;;) {
    checkSignal({ name: right.namespace }, signal);
    if (before.closed && after.closed && before.closed.id === after.closed.id) {
      before.pass();
      after.pass();
      continue;
    }
    const [a, b] = [before.headKey, after.headKey];
    if (a === undefined && b === undefined) break;
    const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, b);
    // A closed range stands at its lowest key; it is opened when that is the next one.
    if (order <= 0 && before.closed) await before.open();
    else if (order >= 0 && after.closed) await after.open();
    else step(before, after, changes);
    if (changes.length >= BATCH) {
      yield changes;
      changes = [];
    }
  }
  if (changes.length > 0) yield changes;
}

/** Compares open sides until one of them must be opened or refilled, or a batch is full. */
function step(before: Walker, after: Walker, changes: Change[]): void {
  while (changes.length < BATCH) {
    const [left, right] = [before.head, after.head];
    const [a, b] = [before.headKey, after.headKey];
    const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, b);
    if (order < 0) {
      if (!left) return;
      changes.push({ path: left.path, type: 'removed', before: left });
      before.next();
    } else if (order > 0) {
      if (!right) return;
      changes.push({ path: right.path, type: 'added', entry: right });
      after.next();
    } else {
      if (!left || !right) return;
      if (left.identity !== right.identity)
        changes.push({ path: right.path, type: 'changed', entry: right, before: left });
      before.next();
      after.next();
    }
  }
}

/** Goes through a commit's entries; stands on an entry, or before a range that is still closed, or at the end. */
class Walker {
  /** The range that comes next, not opened. */
  closed: RangeInfo | undefined;
  /** The key it stands at, or the least that can come. */
  headKey: string | undefined;
  head: LakeEntry | undefined;
  readonly #committed: Committed;
  readonly #ranges: readonly RangeInfo[];
  readonly #shared: ReadonlySet<string>;
  readonly #bounds: KeyBounds;
  readonly #signal: AbortSignal | undefined;
  #index = -1;
  #table: SSTable | undefined;
  #decoder: EntryDecoder | undefined;
  #within: KeyBounds = {};
  #block = 0;
  #batch: LakeEntry[] = [];
  #at = 0;

  constructor(committed: Committed, other: Committed, bounds: KeyBounds, signal: AbortSignal | undefined) {
    this.#committed = committed;
    this.#ranges = committed.ranges.filter((range) => overlaps(range, bounds));
    this.#shared = new Set(other.ranges.map((range) => range.id));
    this.#bounds = bounds;
    this.#signal = signal;
    this.pass();
  }

  /** Moves on to the next range, leaving the closed one unread. */
  pass(): void {
    this.#index++;
    this.closed = this.#ranges[this.#index];
    this.head = undefined;
    this.headKey = this.closed?.minKey.toString('utf8');
  }

  async open(): Promise<void> {
    const range = this.closed!;
    this.#table = await this.#committed.table(range, this.#signal);
    const next = this.#ranges[this.#index + 1];
    // Read ahead; a failure comes out when its turn comes.
    if (next && !this.#shared.has(next.id)) this.#committed.table(next, this.#signal).catch(() => {});
    this.#decoder = new EntryDecoder(this.#committed.namespace);
    this.#within = contains(this.#bounds, range) ? {} : this.#bounds;
    this.#block = this.#within.lower ? this.#table.seek(this.#within.lower) : 0;
    this.closed = undefined;
    this.#batch = [];
    this.#at = -1;
    this.next();
  }

  next(): void {
    this.#at++;
    while (this.#at >= this.#batch.length) {
      if (this.#block >= this.#table!.blockCount) {
        this.#table = undefined;
        this.pass();
        return;
      }
      this.#batch = [];
      this.#at = 0;
      const more = this.#decoder!.addBlock(this.#table!, this.#block++, this.#within, this.#batch);
      if (!more) this.#block = this.#table!.blockCount;
    }
    this.head = this.#batch[this.#at]!;
    this.headKey = this.head.path;
  }
}
