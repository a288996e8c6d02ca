import { compareKeys } from '../../base/keys.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { LakeReader } from '../client/reader.ts';
import type { Change } from '../metadata/diff.ts';
import { lookUp } from './lookup.ts';
import { type CommitSnapshot, type KeyRange, type SnapshotOptions, splitPaths } from './snapshot.ts';

/** A commit as lakeFS's listings and diffs show it. */
export class ApiSnapshot implements CommitSnapshot {
  readonly repository: string;
  readonly commitId: string;
  readonly from = 'api';
  protected readonly client: LakeReader;

  constructor(client: LakeReader, repository: string, commitId: string) {
    this.client = client;
    this.repository = repository;
    this.commitId = commitId;
  }

  get ref(): string {
    return this.commitId;
  }

  async *entries(options: SnapshotOptions = {}): AsyncGenerator<LakeEntry[]> {
    const { after, until, prefix, signal } = options;
    for await (const page of this.client.list(this.repository, this.ref, { after, prefix, signal })) {
      const { batch, ended } = upTo(page.entries, until);
      if (batch.length > 0) yield batch;
      if (ended) return;
    }
  }

  split(target: number, options: SnapshotOptions = {}): AsyncGenerator<KeyRange> {
    return splitPaths(this.entries(options), target, options);
  }

  async *diff(since: CommitSnapshot, options: SnapshotOptions = {}): AsyncGenerator<Change[]> {
    const { after, until, prefix, signal } = options;
    const pages = this.client.diff(this.repository, since.ref, this.ref, { after, prefix, signal });
    for await (const page of pages) {
      const { batch, ended } = upTo(page, until);
      const [entries, befores] = await Promise.all([
        this.#find(
          this.ref,
          batch.filter((line) => line.type !== 'removed'),
          signal,
        ),
        this.#find(
          since.ref,
          batch.filter((line) => line.type !== 'added'),
          signal,
        ),
      ]);
      const changes = batch.map(({ path }) => changeOf(path, entries.get(path), befores.get(path)));
      if (changes.length > 0) yield changes.filter((change) => change !== undefined);
      if (ended) return;
    }
  }

  #find(ref: string, lines: { path: string }[], signal?: AbortSignal): Promise<Map<string, LakeEntry>> {
    const paths = lines.map((line) => line.path);
    return lookUp(this.client, this.repository, ref, paths, signal);
  }
}

/** The beginning of a page that is at or below `until`, and whether the page goes beyond. */
export function upTo<T extends { path: string }>(
  page: readonly T[],
  until: string | undefined,
): { batch: readonly T[] & T[]; ended: boolean } {
  const batch = page as readonly T[] & T[];
  const last = page.at(-1);
  if (until === undefined || !last || compareKeys(last.path, until) < 0) return { batch, ended: false };
  return { batch: batch.filter(({ path }) => compareKeys(path, until) <= 0), ended: true };
}

/** @returns undefined when neither side has the path */
export function changeOf(
  path: string,
  entry: LakeEntry | undefined,
  before: LakeEntry | undefined,
): Change | undefined {
  if (entry && before) return { path, type: 'changed', entry, before };
  if (entry) return { path, type: 'added', entry };
  return before && { path, type: 'removed', before };
}
