import { isError } from '../base/errors.ts';
import type { Store } from './store.ts';

/** An export as it lies in a folder, whatever kind of job wrote it. */
export interface StoredExport {
  kind: string;
  /** When it was complete, milliseconds since 1970. */
  at: number;
  /** What was exported, so that exports of the same are told from others beside them. */
  source: string;
  /** URI of the export that this one cannot be read without. */
  needs?: string;
  /** Someone began to remove it and did not come to the end. */
  removing: boolean;
  /** Not all that belongs to it arrived, or it cannot be told: why. */
  incomplete?: string;
}

/** What a removal did. */
export interface Removed {
  objects: number;
  /** Bytes. */
  bytes: number;
  /** Objects that the export wrote and someone has changed since. */
  kept: number;
}

/** Lies beside an export while it is removed, so that a removal that was cut off is gone on with. */
export const REMOVING = '_sluice/removing.json';

/** Removes objects in as few requests as the store allows. @throws SluiceError of the first that stays */
export async function removeObjects(
  store: Store,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const most = Math.max(1, store.capabilities.deleteBatch);
  for (let i = 0; i < keys.length; i += Math.max(most, 100)) {
    signal?.throwIfAborted();
    const failed = await store.deleteMany(keys.slice(i, i + Math.max(most, 100)), { signal });
    const first = failed.find(({ error }) => !isError(error, 'NOT_FOUND'));
    if (first) throw first.error;
  }
}
