import { compareKeys } from '../../base/keys.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { LakeReader } from '../client/reader.ts';
import type { Change } from '../metadata/diff.ts';
import { changeOf, upTo } from './api-snapshot.ts';
import { lookUp } from './lookup.ts';
import type { CommitSnapshot, KeyRange, SnapshotOptions } from './snapshot.ts';

const BATCH = 1000;

/**
 * A branch with what is staged on it: its HEAD's snapshot, and the API for what lies on top. What is staged
 * may change while it is read.
 */
export class BranchSnapshot implements CommitSnapshot {
  readonly ref: string;
  readonly from = 'api';
  readonly #client: LakeReader;
  readonly #head: CommitSnapshot;

  constructor(client: LakeReader, head: CommitSnapshot, branch: string) {
    this.#client = client;
    this.#head = head;
    this.ref = branch;
  }

  get repository(): string {
    return this.#head.repository;
  }

  get commitId(): string {
    return this.#head.commitId;
  }

  async *entries(options: SnapshotOptions = {}): AsyncGenerator<LakeEntry[]> {
    const { after, until, prefix, signal } = options;
    for await (const page of this.#client.list(this.repository, this.ref, { after, prefix, signal })) {
      const { batch, ended } = upTo(page.entries, until);
      if (batch.length > 0) yield batch;
      if (ended) return;
    }
  }

  /** By the HEAD's objects: pieces follow each other without a gap, so what is staged lies in one of them. */
  split(target: number, options: SnapshotOptions = {}): AsyncGenerator<KeyRange> {
    return this.#head.split(target, options);
  }

  /** Every path that the HEAD changed since, or that is staged, is compared on both sides. */
  async *diff(since: CommitSnapshot, options: SnapshotOptions = {}): AsyncGenerator<Change[]> {
    for await (const paths of this.#touched(since, options)) {
      const [entries, befores] = await Promise.all(
        [this.ref, since.ref].map((ref) => lookUp(this.#client, this.repository, ref, paths, options.signal)),
      );
      const changes: Change[] = [];
      for (const path of paths) {
        const [entry, before] = [entries!.get(path), befores!.get(path)];
        const change = changeOf(path, entry, before);
        if (change && !(entry && before && sameContent(entry, before))) changes.push(change);
      }
      if (changes.length > 0) yield changes;
    }
  }

  /** The paths of the commits' difference and of what is staged, merged in key order. */
  async *#touched(since: CommitSnapshot, options: SnapshotOptions): AsyncGenerator<string[]> {
    const { after, until, prefix, signal } = options;
    const committed = pathsOf(this.#head.diff(since, options));
    const staged = pathsOf(this.#client.uncommitted(this.repository, this.ref, { after, prefix, signal }));
    let [a, b] = [await committed.next(), await staged.next()];
    let paths: string[] = [];
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : compareKeys(a.value, b.value);
      const path = (order <= 0 ? a.value : b.value)!;
      if (order <= 0) a = await committed.next();
      if (order >= 0) b = await staged.next();
      if (until !== undefined && compareKeys(path, until) > 0) break;
      paths.push(path);
      if (paths.length < BATCH) continue;
      yield paths;
      paths = [];
    }
    if (paths.length > 0) yield paths;
  }
}

async function* pathsOf(batches: AsyncIterable<{ path: string }[]>): AsyncGenerator<string, undefined> {
  for await (const batch of batches) for (const { path } of batch) yield path;
  return undefined;
}

/** What an entry's identity stands for (size, checksum, metadata and content type), where it is not at hand. */
export function sameContent(a: LakeEntry, b: LakeEntry): boolean {
  const [x, y] = [a.metadata ?? {}, b.metadata ?? {}];
  const names = Object.keys(x);
  return (
    a.size === b.size &&
    a.checksum === b.checksum &&
    a.contentType === b.contentType &&
    names.length === Object.keys(y).length &&
    names.every((name) => x[name] === y[name])
  );
}
