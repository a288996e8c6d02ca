import { compareKeys } from '../../base/keys.ts';

const PAGE = 1000;
/** For so few names a full page would move bytes for nothing. */
const FEW = 16;

export interface Walk<T extends { path: string }> {
  /** Ascending by bytes of UTF-8, each once. */
  names: Iterator<string>;
  /** How many they are. */
  count: number;
  /** What stands before each name in the listing. */
  root: string;
  /** The first page after a path, in order; shorter than asked only at the end. */
  page(after: string, pageSize: number): Promise<T[]>;
  found(name: string, item: T): void;
  absent(name: string): void;
}

/**
 * Looks sorted names up in a sorted listing, going through both together and leaping over what is not asked for:
 * never more requests than names, nor than pages.
 */
export async function walkSorted<T extends { path: string }>(walk: Walk<T>): Promise<void> {
  const { names, root, found, absent } = walk;
  const pageSize = walk.count <= FEW ? FEW : PAGE;
  let next = names.next();
  let reached = root;
  while (!next.done) {
    const leap = (root + next.value).slice(0, -1);
    const page = await walk.page(compareKeys(reached, leap) > 0 ? reached : leap, pageSize);
    for (const item of page) {
      while (!next.done && compareKeys(root + next.value, item.path) < 0) {
        absent(next.value);
        next = names.next();
      }
      if (next.done) return;
      if (root + next.value === item.path) {
        found(next.value, item);
        next = names.next();
      }
    }
    const last = page.at(-1);
    if (!last || page.length < pageSize) {
      for (; !next.done; next = names.next()) absent(next.value);
      return;
    }
    reached = last.path;
  }
}
