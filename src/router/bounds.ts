import { compareKeys } from '../base/keys.ts';

/**
 * A place between keys: after `key`, or, when `whole`, after everything that begins with `key`.
 * Undefined stands for the place before all keys.
 */
export interface Bound {
  key: string;
  whole: boolean;
}

/** Sorts after every key that begins as it does and is in use: U+10FFFF is no character and never will be. */
const LAST = '\u{10FFFF}';

/** Whether a key lies after the bound. */
export function isAfter(key: string, bound: Bound | undefined): boolean {
  if (!bound) return true;
  return compareKeys(key, bound.key) > 0 && !(bound.whole && key.startsWith(bound.key));
}

/** Whether the bound leaves nothing of the keys that begin with `prefix`. */
export function coversPrefix(bound: Bound | undefined, prefix: string): boolean {
  if (!bound) return false;
  if (bound.whole && prefix.startsWith(bound.key)) return true;
  return compareKeys(bound.key, prefix) > 0 && !bound.key.startsWith(prefix);
}

/** Whether the bound leaves nothing before the key `until`. */
export function reaches(bound: Bound | undefined, until: string | undefined): boolean {
  if (!bound || until === undefined) return false;
  return compareKeys(bound.key, until) >= 0 || (bound.whole && until.startsWith(bound.key));
}

export function laterOf(a: Bound | undefined, b: Bound): Bound {
  if (!a) return b;
  if (a.whole && b.key.startsWith(a.key)) return a;
  if (b.whole && a.key.startsWith(b.key)) return b;
  return compareKeys(a.key, b.key) >= 0 ? a : b;
}

/** The key to list after so as to begin at the bound. It may leave keys before it that `isAfter` must sort out. */
export const startAfterOf = (bound: Bound): string => (bound.whole ? bound.key + LAST : bound.key);
