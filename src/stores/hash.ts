import { createHash } from 'node:crypto';
import type { Store } from './store.ts';

/**
 * The MD5 of an object's bytes, hex, by reading all of it in bounded memory: for stores that do not know it.
 * @throws what `get` and its body throw
 */
export async function hashObject(
  store: Store,
  key: string,
  options: { signal?: AbortSignal } = {},
): Promise<{ md5: string; size: number }> {
  const { body } = await store.get(key, options);
  const hash = createHash('md5');
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { md5: hash.digest('hex'), size };
}
