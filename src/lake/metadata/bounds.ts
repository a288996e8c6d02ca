import type { RangeInfo } from './records.ts';
import type { KeyBounds } from './sstable.ts';

/** Which keys: after < key ≤ until, beginning with the prefix; each may be absent. */
export interface KeyWindow {
  after?: string;
  until?: string;
  prefix?: string;
}

/** The window as bounds on the bytes of keys. */
export function boundsOf({ after, until, prefix }: KeyWindow): KeyBounds {
  const bounds: KeyBounds = {};
  if (after !== undefined) bounds.lower = Buffer.from(after);
  if (until !== undefined) {
    bounds.upper = Buffer.from(until);
    bounds.upperIn = true;
  }
  if (!prefix) return bounds;
  const first = Buffer.from(prefix);
  if (!bounds.lower || first.compare(bounds.lower) > 0) {
    bounds.lower = first;
    bounds.lowerIn = true;
  }
  const beyond = successor(first);
  if (beyond && (!bounds.upper || beyond.compare(bounds.upper) <= 0)) {
    bounds.upper = beyond;
    bounds.upperIn = false;
  }
  return bounds;
}

/** The least key above everything that begins with this one; none when it is all 0xff. */
function successor(prefix: Buffer): Buffer | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i] === 255) continue;
    const next = Buffer.from(prefix.subarray(0, i + 1));
    next[i]!++;
    return next;
  }
  return undefined;
}

/** Whether a range can hold a key within bounds. */
export function overlaps(range: RangeInfo, { lower, lowerIn, upper, upperIn }: KeyBounds): boolean {
  if (lower) {
    const order = range.maxKey.compare(lower);
    if (order < 0 || (order === 0 && !lowerIn)) return false;
  }
  if (upper) {
    const order = range.minKey.compare(upper);
    if (order > 0 || (order === 0 && !upperIn)) return false;
  }
  return true;
}

/** Whether all of a range's keys are within bounds. */
export function contains({ lower, lowerIn, upper, upperIn }: KeyBounds, range: RangeInfo): boolean {
  if (lower) {
    const order = range.minKey.compare(lower);
    if (order < 0 || (order === 0 && !lowerIn)) return false;
  }
  if (upper) {
    const order = range.maxKey.compare(upper);
    if (order > 0 || (order === 0 && !upperIn)) return false;
  }
  return true;
}
