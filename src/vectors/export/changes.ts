import { isError } from '../../base/errors.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import type { PinnedVectors, Slice } from './pinned.ts';
import type { ClassReport } from './report.ts';

/** Most objects a server lists by their time of update (QUERY_MAXIMUM_RESULTS). */
const MOST_LISTED = 10_000;

/**
 * The ids of objects updated since the export began, asked once for a tenant; `many` when there are more
 * than a server lists.
 */
export async function changedSince(
  client: WeaviateClient,
  pinned: PinnedVectors,
  index: number,
  tenant: string | undefined,
  report: ClassReport,
  signal: AbortSignal,
): Promise<string[] | 'many'> {
  if (report.asked?.tenant === tenant && report.asked !== undefined) return report.asked.changed;
  const { name } = pinned.classes[index]!;
  const query = { tenant, limit: 1 };
  const changed = await client.newest(name, query, signal).then(
    async ([newest]) => {
      if (!newest || newest.updated < pinned.startedAt) return [];
      const list = await client.newest(name, { ...query, limit: MOST_LISTED }, signal);
      const since = list.filter((object) => object.updated >= pinned.startedAt);
      return since.length === MOST_LISTED ? ('many' as const) : since.map((object) => object.id);
    },
    (error: unknown) => {
      // A tenant that has gone since: its part has said what there is to say.
      if (isError(error, 'NOT_FOUND', 'CONFLICT')) return [];
      throw error;
    },
  );
  report.asked = { tenant, changed };
  return changed;
}

export function touches(slice: Slice, id: string): boolean {
  return (slice.after === undefined || id > slice.after) && (slice.upTo === undefined || id <= slice.upTo);
}
