import { isError } from '../base/errors.ts';
import { compareKeys } from '../base/keys.ts';
import type { ListPage, ObjectInfo } from '../stores/store.ts';
import { type Bound, isAfter, startAfterOf } from './bounds.ts';
import { type Owner, targetKey, visibleKey } from './targets.ts';

export interface ReadOptions {
  delimiter?: string;
  pageSize?: number;
  signal?: AbortSignal;
}

/**
 * Reads the listing of one target forward, with visible keys. What a page holds beyond the place asked for
 * is kept for the next read, so a target that is left for another and taken up again costs nothing more.
 */
export class Reader {
  readonly #owner: Owner;
  readonly #prefix: string;
  readonly #options: ReadOptions;
  #pages: AsyncIterator<ListPage> | undefined;
  #opened: Bound | undefined;
  #kept: ListPage | undefined;
  #ended = false;

  /** @param prefix visible, and at least as long as the owner's */
  constructor(owner: Owner, prefix: string, options: ReadOptions) {
    this.#owner = owner;
    this.#prefix = prefix;
    this.#options = options;
  }

  /** The next entries after `after` and before the key `until`; undefined when there are no more. */
  async read(after: Bound | undefined, until: string | undefined): Promise<ListPage | undefined> {
    for (;;) {
      const page = this.#kept ?? (await this.#next(after));
      if (!page) return undefined;
      const rest = within(page, (key) => isAfter(key, after), true);
      if (isEmpty(rest)) {
        this.#kept = undefined;
        // The whole page lies before the place: jump there, unless the target was asked for just that.
        if (after && this.#opened !== after) await this.close();
        continue;
      }
      const given = until === undefined ? rest : within(rest, (key) => compareKeys(key, until) >= 0, false);
      if (given === rest) {
        this.#kept = undefined;
        return given;
      }
      const left = within(rest, (key) => compareKeys(key, until!) >= 0, true);
      this.#kept = left;
      return isEmpty(given) ? undefined : given;
    }
  }

  /** Gives up the place in the target; a later read finds it again. */
  async close(): Promise<void> {
    this.#kept = undefined;
    const pages = this.#pages;
    this.#pages = undefined;
    await pages?.return?.();
  }

  async #next(after: Bound | undefined): Promise<ListPage | undefined> {
    if (this.#ended) return undefined;
    this.#pages ??= this.#open(after);
    try {
      const { done, value } = await this.#pages.next();
      if (!done) return this.#visible(value);
    } catch (error) {
      if (!(this.#owner.optional && isError(error, 'NOT_FOUND'))) throw error;
    }
    this.#ended = true;
    return undefined;
  }

  #open(after: Bound | undefined): AsyncIterator<ListPage> {
    const owner = this.#owner;
    this.#opened = after;
    const inside = after?.key.startsWith(this.#prefix);
    const startAfter = after && inside ? targetKey(owner, startAfterOf(after)) : undefined;
    const prefix = targetKey(owner, this.#prefix);
    return owner.store
      .list({ ...this.#options, prefix, startAfter: startAfter || undefined })
      [Symbol.asyncIterator]();
  }

  #visible(page: ListPage): ListPage {
    const owner = this.#owner;
    if (owner.prefix === owner.targetPrefix) return page;
    const objects: ObjectInfo[] = [];
    for (const object of page.objects) {
      const key = visibleKey(owner, object.key);
      if (key !== '') objects.push({ ...object, key });
    }
    const prefixes = page.prefixes.map((prefix) => visibleKey(owner, prefix));
    return page.more === undefined ? { objects, prefixes } : { objects, prefixes, more: page.more };
  }
}

export const isEmpty = (page: ListPage): boolean => page.objects.length + page.prefixes.length === 0;

/** The entries from the first that `begins` on, or those before it; the page itself when that is all of it. */
function within(page: ListPage, begins: (key: string) => boolean, from: boolean): ListPage {
  const objects = split(page.objects.length, (i) => begins(page.objects[i]!.key));
  const prefixes = split(page.prefixes.length, (i) => begins(page.prefixes[i]!));
  if (from) {
    if (objects === 0 && prefixes === 0) return page;
    return { objects: page.objects.slice(objects), prefixes: page.prefixes.slice(prefixes) };
  }
  if (objects === page.objects.length && prefixes === page.prefixes.length) return page;
  return { objects: page.objects.slice(0, objects), prefixes: page.prefixes.slice(0, prefixes) };
}

/** The first index of a sorted row for which the test holds. */
function split(length: number, test: (index: number) => boolean): number {
  if (length === 0 || test(0)) return 0;
  let low = 0;
  let high = length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) high = middle;
    else low = middle;
  }
  return high;
}
