import type { Limiter } from '../../base/limiter.ts';
import type { LakeEntry } from '../client/entry.ts';
import { destinationObjects, headOf, type KeyRange, type Pair, type Placement, walk } from './walk.ts';

/** One entry wanted among so many: above that, one listing of their range costs less than asking for each. */
const ONE_IN = 20;

export interface Wanted {
  /** All entries of a key range, in key order. */
  entries: AsyncIterable<LakeEntry[]>;
  takes: (path: string) => boolean;
  range: KeyRange;
  /** What all keys of the export begin with, in the lake. */
  prefix: string;
  signal: AbortSignal;
}

/** The entries wanted beside what one listing of the whole range shows; destination objects without one, too. */
export function pairsOfAll(wanted: Wanted, at: Placement): AsyncGenerator<Pair[]> {
  const { range, prefix, signal } = wanted;
  return walk(wantedOf(wanted), destinationObjects(at, range, prefix, signal), at);
}

/**
 * The entries wanted, where most of a range's are not: the destination is asked for what is wanted and not
 * listed for what is not, so that a range without any costs no request. Every pair has an entry.
 * @param slots limits what is asked at once
 */
export async function* pairsOfSome(wanted: Wanted, at: Placement, slots: Limiter): AsyncGenerator<Pair[]> {
  const { entries, takes, range, prefix, signal } = wanted;
  let { after } = range;
  for await (const batch of entries) {
    const first = batch.findIndex(({ path }) => takes(path));
    if (first >= 0) {
      const some = batch.filter(({ path }) => takes(path));
      if (some.length * ONE_IN <= batch.length) {
        const found = some.map(async (entry) => ({
          entry,
          object: await slots.run(() => headOf(at, entry.path, signal)),
        }));
        yield await Promise.all(found);
      } else {
        const near = { after: batch[first - 1]?.path ?? after, until: some.at(-1)!.path };
        for await (const pairs of walk([some], destinationObjects(at, near, prefix, signal), at))
          yield pairs.filter(({ entry }) => entry);
      }
    }
    after = batch.at(-1)!.path;
  }
}

async function* wantedOf({ entries, takes }: Wanted): AsyncGenerator<LakeEntry[]> {
  for await (const batch of entries) yield batch.filter(({ path }) => takes(path));
}
