import { type FileLayer, mergedObjects } from '../chain.ts';
import type { VectorObject } from '../object.ts';
import { type ReadOptions, readObjects } from '../read.ts';
import type { ClassSchema } from '../schema.ts';
import { rangeOf } from '../uuid.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import type { Balance } from './pinned.ts';

/** Objects that lie next to each other and are fetched at once. */
const LONGEST_RUN = 500;

/**
 * The objects of a range that are new or changed since the earlier exports: ids and times are read and
 * compared, then only those that differ are fetched, neighbours together.
 * @param balance what is found is added to it
 * @param onDeleted gets the ids that are no longer on the server
 */
export async function* readChanges(
  client: WeaviateClient,
  schema: ClassSchema,
  options: ReadOptions,
  chain: readonly FileLayer[],
  balance: Balance,
  onDeleted: (id: string) => Promise<void>,
): AsyncGenerator<VectorObject[], void, undefined> {
  const { tenant, range, signal } = options;
  const earlier = mergedObjects(chain, { className: schema.class, tenant, range, what: 'ids' }, signal);
  const wanted = { properties: [], vectors: false };
  let run: string[] = [];
  const fetchRun = async function* (): AsyncGenerator<VectorObject[]> {
    const ids = run;
    run = [];
    if (ids.length === 0) return;
    const own = { ...options, range: rangeOf(ids[0]!, ids.at(-1)!), expected: ids.length };
    yield* readObjects(client, schema, own);
  };
  try {
    let before = await earlier.next();
    const next = async (): Promise<void> => {
      balance.earlier++;
      before = await earlier.next();
    };
    const gone = async (id: string): Promise<void> => {
      balance.deleted++;
      await onDeleted(id);
      await next();
    };
    for await (const page of readObjects(client, schema, { ...options, wanted })) {
      for (const { id, updated } of page) {
        while (!before.done && before.value.id < id) await gone(before.value.id);
        const known = !before.done && before.value.id === id ? before.value : undefined;
        if (known) await next();
        else balance.added++;
        if (known?.updated !== updated) run.push(id);
        else yield* fetchRun();
        if (run.length >= LONGEST_RUN) yield* fetchRun();
      }
    }
    yield* fetchRun();
    while (!before.done) await gone(before.value.id);
  } finally {
    await earlier.return(undefined);
  }
}
