import { compareKeys } from '../../base/keys.ts';

const PAGE = 1000;
/** For so few names a full page would move bytes for nothing. */
const FEW = 16;
/** Stretches of the listing that are read side by side. */
const AT_ONCE = 8;

export interface Walk<T extends { path: string }> {
  /** Ascending by bytes of UTF-8, each once. */
  names: Iterator<string>;
  /** What stands before each name in the listing. */
  root: string;
  /** The first page after a path, in order; shorter than asked only at the end. */
  page(after: string, pageSize: number): Promise<T[]>;
  /** In no order. */
  found(name: string, item: T): void;
  /** In no order. */
  absent(name: string): void;
}

/**
 * Looks sorted names up in a sorted listing. The names are cut into stretches of a page each, several of which are gone
 * through at a time, name by name with the listing, leaping over what is not asked for: about as many requests as
 * pages, never more than names.
 */
export async function walkSorted<T extends { path: string }>(walk: Walk<T>): Promise<void> {
  const running = new Set<Promise<void>>();
  try {
    for (let names = take(walk.names); names.length > 0; names = take(walk.names)) {
      while (running.size >= AT_ONCE) await Promise.race(running);
      const stretch = walkStretch(walk, names).then(() => {
        running.delete(stretch);
      });
      running.add(stretch);
    }
    await Promise.all(running);
  } finally {
    // What runs still calls back: it must not outlive this call when one of them failed.
    await Promise.allSettled(running);
  }
}

function take(names: Iterator<string>): string[] {
  const taken: string[] = [];
  while (taken.length < PAGE) {
    const next = names.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

async function walkStretch<T extends { path: string }>(
  { root, page: pageAfter, found, absent }: Walk<T>,
  names: string[],
): Promise<void> {
  let at = 0;
  let reached = root;
  while (at < names.length) {
    const leap = (root + names[at]!).slice(0, -1);
    // Other objects may lie in between, so that some more than the names are asked for.
    const pageSize = Math.min(PAGE, Math.max(FEW, 2 * (names.length - at)));
    const page = await pageAfter(compareKeys(reached, leap) > 0 ? reached : leap, pageSize);
    for (const item of page) {
      for (; at < names.length && compareKeys(root + names[at]!, item.path) < 0; at++) absent(names[at]!);
      if (at === names.length) return;
      if (root + names[at]! === item.path) found(names[at++]!, item);
    }
    const last = page.at(-1);
    if (!last || page.length < pageSize) {
      for (; at < names.length; at++) absent(names[at]!);
      return;
    }
    reached = last.path;
  }
}
