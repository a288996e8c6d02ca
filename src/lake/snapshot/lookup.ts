import { isError } from '../../base/errors.ts';
import { compareKeys, keyBefore } from '../../base/keys.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { LakeReader } from '../client/reader.ts';

/** Fewer paths than this in a page of a listing, and looking each up takes less than listing on. */
const DENSE = 12;
const LOOKUPS_AT_ONCE = 16;

/**
 * Finds the entries of some paths of a ref, with few requests: by listing where the paths lie close together,
 * else one by one.
 * @param paths in key order
 * @returns those that exist
 */
export async function lookUp(
  client: LakeReader,
  repository: string,
  ref: string,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, LakeEntry>> {
  const found = new Map<string, LakeEntry>();
  let at = 0;
  let dense = true;
  while (dense && paths.length - at >= DENSE) {
    const page = await client.listPage(repository, ref, { after: keyBefore(paths[at]!), signal });
    const entries = new Map(page.entries.map((entry) => [entry.path, entry]));
    const start = at;
    for (; at < paths.length; at++) {
      const path = paths[at]!;
      if (page.next !== undefined && compareKeys(path, page.next) > 0) break;
      const entry = entries.get(path);
      if (entry) found.set(path, entry);
    }
    dense = at - start >= DENSE;
  }
  const worker = async (): Promise<void> => {
    while (at < paths.length) {
      const path = paths[at++]!;
      try {
        found.set(path, await client.stat(repository, ref, path, { signal }));
      } catch (error) {
        if (!isError(error, 'NOT_FOUND')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, paths.length - at) }, worker));
  return found;
}
