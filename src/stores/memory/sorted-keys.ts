import { compareKeys } from '../../base/keys.ts';

/** So many changes are made one by one; more are merged at once. */
const FEW = 16;

/** A set of keys in key order: many additions between two readings cost one merge, a few a binary search each. */
export class SortedKeys {
  #sorted: string[] = [];
  #added = new Set<string>();
  #removed = new Set<string>();

  add(key: string): void {
    if (!this.#removed.delete(key)) this.#added.add(key);
  }

  /** Only for a key that was added. */
  remove(key: string): void {
    if (!this.#added.delete(key)) this.#removed.add(key);
  }

  /** The first key for which `after` says yes; `after` must say no up to somewhere and yes from there on. */
  first(after: (key: string) => boolean): { key: string | undefined; index: number } {
    this.#merge();
    const index = firstIndex(this.#sorted, after);
    return { key: this.#sorted[index], index };
  }

  /** The key at an index that `first` gave, or counted on from there; valid until the next change. */
  at(index: number): string | undefined {
    return this.#sorted[index];
  }

  #merge(): void {
    const few = this.#removed.size < FEW && this.#added.size < FEW;
    if (!few && this.#removed.size > 0) this.#sorted = this.#sorted.filter((key) => !this.#removed.has(key));
    if (few) for (const key of this.#removed) this.#sorted.splice(this.#indexOf(key), 1);
    if (few) for (const key of this.#added) this.#sorted.splice(this.#indexOf(key), 0, key);
    if (!few && this.#added.size > 0) {
      // The engine's sort joins two sorted runs in linear time.
      for (const key of [...this.#added].sort(compareKeys)) this.#sorted.push(key);
      this.#sorted.sort(compareKeys);
    }
    this.#removed.clear();
    this.#added.clear();
  }

  #indexOf(key: string): number {
    return firstIndex(this.#sorted, (other) => compareKeys(other, key) >= 0);
  }
}

function firstIndex(sorted: readonly string[], after: (key: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (after(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
