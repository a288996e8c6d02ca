import { isError } from '../../base/errors.ts';
import { compareKeys } from '../../base/keys.ts';
import { findObject } from '../../stores/find.ts';
import type { ListOptions, ListPage, ObjectInfo, Store } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';
import { isOwnKey } from './state.ts';

/** A key range, both sides in the lake's key order: after < key ≤ until; undefined is open. */
export interface KeyRange {
  after?: string;
  until?: string;
}

/** What stands under one key on the two sides; at least one is there. */
export interface Pair {
  entry?: LakeEntry;
  object?: ObjectInfo;
}

/** Where a lake's paths lie at the destination. */
export interface Placement {
  store: Store;
  /** The destination's folder, '' or ending with '/'. */
  root: string;
  /** The source's folder, which destination keys leave out; '' or ending with '/'. */
  folder: string;
}

export function destinationKey(at: Placement, path: string): string {
  return at.root + path.slice(at.folder.length);
}

/** The destination's object of a lake's path; undefined when there is none. */
export function headOf(at: Placement, path: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
  return findObject(at.store, destinationKey(at, path), { signal });
}

/**
 * The destination's objects of one range of lake paths, page by page in key order, without Sluice's own.
 * Each object's `key` is the destination's; `path` gives the lake's.
 */
export async function* destinationObjects(
  at: Placement,
  range: KeyRange,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ObjectInfo[]> {
  const under = at.root + prefix.slice(at.folder.length);
  const after = range.after?.startsWith(at.folder) ? destinationKey(at, range.after) : undefined;
  const until = range.until?.startsWith(at.folder) ? destinationKey(at, range.until) : undefined;
  const own = at.root.length;
  // A store that cannot begin in the middle (Azure) reads less under a longer prefix.
  const shared = after === undefined || until === undefined ? '' : commonPrefix(after, until);
  const narrow = shared.length > under.length ? shared : under;
  for await (const page of listed(at.store, { prefix: narrow, startAfter: after, signal })) {
    let objects = page.objects;
    const last = objects[objects.length - 1];
    const beyond = until === undefined || last === undefined ? -1 : compareKeys(last.key, until);
    if (beyond > 0) objects = objects.filter((object) => compareKeys(object.key, until!) <= 0);
    // Only a root listing can meet Sluice's own objects, and those begin with '_' or 'E'.
    objects = objects.filter((object) => {
      const first = object.key.charCodeAt(own);
      return (first !== 95 && first !== 69) || !isOwnKey(object.key.slice(own));
    });
    if (objects.length > 0) yield objects;
    if (beyond >= 0) return;
  }
}

/** A folder that is not there yet is one without objects; a bucket is not made by writing to it. */
async function* listed(store: Store, options: ListOptions): AsyncGenerator<ListPage> {
  try {
    yield* store.list(options);
  } catch (error) {
    if (store.kind !== 'file' || !isError(error, 'NOT_FOUND')) throw error;
  }
}

/** What two keys begin with, whole characters only; every key between them begins so, too. */
function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  const last = a.charCodeAt(length - 1);
  return a.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

/** Walks both sides in lock step and yields a pair for every key of either, in batches, in key order. */
export async function* walk(
  entries: AsyncIterable<LakeEntry[]> | Iterable<LakeEntry[]>,
  objects: AsyncIterable<ObjectInfo[]>,
  at: Placement,
): AsyncGenerator<Pair[]> {
  const right = objects[Symbol.asyncIterator]();
  let page: ObjectInfo[] = [];
  let next = 0;
  let ended = false;
  const advance = async (): Promise<void> => {
    while (next >= page.length && !ended) {
      const result = await right.next();
      if (result.done) ended = true;
      else {
        page = result.value;
        next = 0;
      }
    }
  };
  try {
    for await (const batch of entries) {
      const pairs: Pair[] = [];
      for (const entry of batch) {
        const key = destinationKey(at, entry.path);
        if (next >= page.length) await advance();
        while (next < page.length) {
          const object = page[next]!;
          const order = compareKeys(object.key, key);
          if (order >= 0) break;
          pairs.push({ object });
          next++;
          if (next >= page.length) await advance();
        }
        const object = page[next];
        if (object !== undefined && next < page.length && object.key === key) {
          pairs.push({ entry, object });
          next++;
        } else pairs.push({ entry });
      }
      yield pairs;
    }
    for (;;) {
      if (next >= page.length) await advance();
      if (next >= page.length) break;
      yield page.slice(next).map((object) => ({ object }));
      next = page.length;
    }
  } finally {
    await right.return?.();
  }
}
