import type { LakeEntry } from '../client/entry.ts';
import type { KeyWindow } from '../metadata/bounds.ts';
import type { Change } from '../metadata/diff.ts';

export type { KeyWindow } from '../metadata/bounds.ts';
export type { Change } from '../metadata/diff.ts';

/** A piece of a key space: after < path ≤ until; undefined is open. */
export interface KeyRange {
  after?: string;
  until?: string;
  /** Objects or changes in it; an estimate where a range of the metadata is cut by a window. */
  objects: number;
}

export interface SnapshotOptions extends KeyWindow {
  signal?: AbortSignal;
}

/**
 * One commit of a repository, or a branch with what is staged on it: its entries and how they differ from an
 * earlier commit's. Every answer is in key order (bytes of UTF-8) and in batches.
 */
export interface CommitSnapshot {
  readonly repository: string;
  /** Of a branch with staged changes: its HEAD. */
  readonly commitId: string;
  /** What can be asked of the API for it: the commit's id, or the branch. */
  readonly ref: string;
  /** Where the answers come from now; what began with metadata may go on with the API. */
  readonly from: 'metadata' | 'api';

  entries(options?: SnapshotOptions): AsyncGenerator<LakeEntry[]>;

  /**
   * Cuts the key space of a window into pieces of about `target` objects that follow each other without a gap:
   * the first begins where the window does, the last ends where it does. One piece at least.
   */
  split(target: number, options?: SnapshotOptions): AsyncGenerator<KeyRange>;

  /** What leads from another snapshot of the same repository to this one. */
  diff(since: CommitSnapshot, options?: SnapshotOptions): AsyncGenerator<Change[]>;
}

/** Cuts a key space as its paths go by, `target` to a piece, up to the end of the window. */
export async function* splitPaths(
  batches: AsyncIterable<{ path: string }[]>,
  target: number,
  window: KeyWindow,
): AsyncGenerator<KeyRange> {
  let { after } = window;
  let objects = 0;
  let last: string | undefined;
  for await (const batch of batches) {
    for (const { path } of batch) {
      if (objects >= target) {
        yield { after, until: last, objects };
        after = last;
        objects = 0;
      }
      objects++;
      last = path;
    }
  }
  yield { after, until: window.until, objects };
}
