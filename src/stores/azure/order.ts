import { compareKeys } from '../../base/keys.ts';

interface Group<T> {
  /** What the keys of the group share before their first character beyond U+FFFF. */
  before: string;
  entries: T[];
}

/**
 * Puts a listing that is ordered by UTF-16 units (or already by UTF-8 bytes) in the order of UTF-8 bytes. The
 * two differ where, after equal beginnings, characters beyond U+FFFF meet U+E000 to U+FFFF: keys with the
 * former are held until the keys with that beginning are over. Memory is that of the keys held; listings
 * without such characters pass through.
 */
export class Utf8Order<T> {
  readonly #keyOf: (entry: T) => string;
  readonly #held: Group<T>[] = [];

  constructor(keyOf: (entry: T) => string) {
    this.#keyOf = keyOf;
  }

  /** @returns entries that are due, in order */
  add(entry: T): T[] {
    const key = this.#keyOf(entry);
    const at = key.search(/[\ud800-\udbff]/);
    const before = at < 0 ? undefined : key.slice(0, at);
    const due: T[] = [];
    for (let top = this.#held.at(-1); top && !key.startsWith(top.before); top = this.#held.at(-1)) {
      this.#release(due);
    }
    const top = this.#held.at(-1);
    if (before === undefined) due.push(entry);
    else if (top?.before === before) top.entries.push(entry);
    else this.#held.push({ before, entries: [entry] });
    return due;
  }

  /** @returns what is left */
  end(): T[] {
    const due: T[] = [];
    while (this.#held.length > 0) this.#release(due);
    return due;
  }

  #release(due: T[]): void {
    const { entries } = this.#held.pop()!;
    due.push(...entries.sort((a, b) => compareKeys(this.#keyOf(a), this.#keyOf(b))));
  }
}
