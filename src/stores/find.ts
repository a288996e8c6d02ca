import { isError } from '../base/errors.ts';
import type { ObjectInfo, Store } from './store.ts';

/** What `head` says of an object; undefined where there is none. @throws StoreError as `head`, but NOT_FOUND */
export async function findObject(
  store: Store,
  key: string,
  options: { signal?: AbortSignal } = {},
): Promise<ObjectInfo | undefined> {
  try {
    return await store.head(key, options);
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
