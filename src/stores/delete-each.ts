import { checkSignal } from './checks.ts';
import type { DeleteFailure, Store } from './store.ts';

/** `deleteMany` for stores without a batch: so many single deletes at once. */
export async function deleteEach(
  store: Pick<Store, 'name' | 'delete'>,
  keys: readonly string[],
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<DeleteFailure[]> {
  checkSignal(store, signal);
  const failures: DeleteFailure[] = [];
  const waiting = keys[Symbol.iterator]();
  const work = async () => {
    for (const key of waiting) {
      checkSignal(store, signal);
      await store.delete(key, { signal }).catch((error) => failures.push({ key, error }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, keys.length) }, work));
  checkSignal(store, signal);
  return failures;
}
