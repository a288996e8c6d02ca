import { isError } from '../../base/errors.ts';
import type { LakeEntry } from '../client/entry.ts';
import { boundsOf, contains, overlaps } from '../metadata/bounds.ts';
import type { Committed } from '../metadata/committed.ts';
import { type Change, diffCommitted } from '../metadata/diff.ts';
import type { ApiSnapshot } from './api-snapshot.ts';
import type { CommitSnapshot, KeyRange, SnapshotOptions } from './snapshot.ts';

/** Above this many times the target a range is cut in itself. */
const CUT_ABOVE = 1.5;

/** Whether metadata is out of reach or not to be understood, so that the API must answer instead. */
export function isUnreadable(error: unknown): boolean {
  return isError(
    error,
    'ACCESS_DENIED',
    'NOT_FOUND',
    'UNAUTHENTICATED',
    'UNSUPPORTED',
    'CORRUPT',
    'PROTOCOL',
    'BAD_SPEC',
    'TOO_LARGE',
  );
}

/**
 * A commit as its committed metadata shows it. Where that turns out to be unreadable, every method goes on by
 * the API from where it was.
 */
export class MetadataSnapshot implements CommitSnapshot {
  readonly repository: string;
  readonly commitId: string;
  readonly #api: ApiSnapshot;
  readonly #onFallback: (error: unknown) => void;
  #committed: Committed | undefined;

  /** @param onFallback is told, once, why the metadata is given up */
  constructor(committed: Committed, api: ApiSnapshot, onFallback: (error: unknown) => void) {
    this.repository = api.repository;
    this.commitId = api.commitId;
    this.#committed = committed;
    this.#api = api;
    this.#onFallback = onFallback;
  }

  get ref(): string {
    return this.commitId;
  }

  get from(): 'metadata' | 'api' {
    return this.#committed ? 'metadata' : 'api';
  }

  async *entries(options: SnapshotOptions = {}): AsyncGenerator<LakeEntry[]> {
    let after = options.after;
    try {
      if (this.#committed) {
        for await (const batch of this.#committed.scan(options)) {
          after = batch.at(-1)!.path;
          yield batch;
        }
        return;
      }
    } catch (error) {
      this.#giveUp(error);
    }
    yield* this.#api.entries({ ...options, after });
  }

  async *split(target: number, options: SnapshotOptions = {}): AsyncGenerator<KeyRange> {
    let { after } = options;
    try {
      if (this.#committed) {
        for await (const range of splitRanges(this.#committed, target, options)) {
          yield range;
          after = range.until;
        }
        return;
      }
    } catch (error) {
      this.#giveUp(error);
    }
    yield* this.#api.split(target, { ...options, after });
  }

  async *diff(since: CommitSnapshot, options: SnapshotOptions = {}): AsyncGenerator<Change[]> {
    let after = options.after;
    try {
      if (this.#committed && since instanceof MetadataSnapshot && since.#committed) {
        for await (const batch of diffCommitted(since.#committed, this.#committed, options)) {
          after = batch.at(-1)!.path;
          yield batch;
        }
        return;
      }
    } catch (error) {
      this.#giveUp(error);
    }
    yield* this.#api.diff(since, { ...options, after });
  }

  #giveUp(error: unknown): void {
    if (!isUnreadable(error)) throw error;
    if (this.#committed) this.#onFallback(error);
    this.#committed = undefined;
  }
}

/** Cuts at the ends of ranges, and within those that alone hold much more than the target. */
async function* splitRanges(
  committed: Committed,
  target: number,
  options: SnapshotOptions,
): AsyncGenerator<KeyRange> {
  const bounds = boundsOf(options);
  let { after } = options;
  let objects = 0;
  let last: string | undefined;
  for (const range of committed.ranges) {
    if (!overlaps(range, bounds)) continue;
    if (range.count <= target * CUT_ABOVE && contains(bounds, range)) {
      if (objects > 0 && objects + range.count > target * CUT_ABOVE) {
        yield { after, until: last, objects };
        after = last;
        objects = 0;
      }
      objects += range.count;
      last = range.maxKey.toString('utf8');
      continue;
    }
    for await (const paths of committed.paths(range, options, options.signal)) {
      for (const path of paths) {
        if (objects >= target) {
          yield { after, until: last, objects };
          after = last;
          objects = 0;
        }
        objects++;
        last = path;
      }
    }
  }
  yield { after, until: options.until, objects };
}
