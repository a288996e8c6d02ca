import { compareKeys } from '../../base/keys.ts';
import { identityOf } from './encoding.ts';
import type { TreeEntry, View } from './tree.ts';

export interface PageOptions {
  prefix: string;
  after: string;
  delimiter: string;
  amount: number;
}

/** An object, or a common prefix. */
export type Listed = { entry: TreeEntry } | { prefix: string };

export interface Page<T> {
  results: T[];
  more: boolean;
}

/** One page of a listing as lakeFS gives it. */
export function listPage(view: View, { prefix, after, delimiter, amount }: PageOptions): Page<Listed> {
  const results: Listed[] = [];
  let start = compareKeys(after, prefix) >= 0 ? after : prefix;
  let exclusive = start === after && after !== '';
  for (;;) {
    let jump: string | undefined;
    for (const entry of view.from(start, exclusive)) {
      if (!entry.path.startsWith(prefix)) break;
      const at = delimiter === '' ? -1 : entry.path.indexOf(delimiter, prefix.length);
      const common = at < 0 ? undefined : entry.path.slice(0, at + delimiter.length);
      // A page that ended with this common prefix goes on beyond all of it.
      if (common !== undefined && common === after) {
        jump = common;
        break;
      }
      if (results.length === amount) return { results, more: true };
      results.push(common === undefined ? { entry } : { prefix: common });
      jump = common;
      if (jump !== undefined) break;
    }
    if (jump === undefined) return { results, more: false };
    start = beyond(jump);
    exclusive = false;
  }
}

/** The least key above everything that begins with this one. */
function beyond(prefix: string): string {
  const chars = [...prefix];
  const last = chars.pop()!.codePointAt(0)!;
  return chars.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}

export interface DiffLine {
  path: string;
  type: 'added' | 'removed' | 'changed';
  size_bytes: number;
  path_type: 'object';
}

/** What leads from one view to another, in key order. */
export function* diffViews(left: View, right: View, after = '', prefix = ''): Generator<DiffLine> {
  const start = compareKeys(after, prefix) >= 0 ? after : prefix;
  const exclusive = start === after && after !== '';
  const before = left.from(start, exclusive)[Symbol.iterator]();
  const now = right.from(start, exclusive)[Symbol.iterator]();
  const next = (side: Iterator<TreeEntry>): TreeEntry | undefined => {
    const { value } = side.next();
    return value?.path.startsWith(prefix) ? value : undefined;
  };
  let a = next(before);
  let b = next(now);
  while (a || b) {
    const order = !a ? 1 : !b ? -1 : compareKeys(a.path, b.path);
    if (order < 0) yield line(a!, 'removed');
    else if (order > 0) yield line(b!, 'added');
    else if (a !== b && !identityOf(a!).equals(identityOf(b!))) yield line(b!, 'changed');
    if (order <= 0) a = next(before);
    if (order >= 0) b = next(now);
  }
}

function line(entry: TreeEntry, type: DiffLine['type']): DiffLine {
  return { path: entry.path, type, size_bytes: entry.size, path_type: 'object' };
}

/** The first so many of what comes. */
export function pageOf<T>(items: Iterable<T>, amount: number): Page<T> {
  const results: T[] = [];
  for (const item of items) {
    if (results.length === amount) return { results, more: true };
    results.push(item);
  }
  return { results, more: false };
}
