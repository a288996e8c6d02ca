import { compareKeys } from '../base/keys.ts';
import { checkSignal } from '../stores/checks.ts';
import type { ListOptions, ListPage } from '../stores/store.ts';
import { type Bound, coversPrefix, isAfter, laterOf, reaches } from './bounds.ts';
import type { Region } from './layout.ts';
import { isEmpty, Reader, type ReadOptions } from './reader.ts';
import type { Owner } from './targets.ts';

/** A region as a tree: what lies in its children belongs to them. */
interface Node {
  prefix: string;
  owner?: Owner;
  reader?: Reader;
  children: Node[];
}

/**
 * Lists a bucket made of regions, in key order.
 *
 * Each region is a range of keys, and those that take keys from another lie inside it. So the ordered
 * merge of all targets is one walk through the ranges: the outer target up to the first hole, what is in
 * the hole, the outer target from the hole's end on. Every target is asked only for ranges that it owns,
 * and one page is held for each target on the way down.
 *
 * With a delimiter, a common prefix whose keys belong to several regions is shown once, and only when one
 * of them has a visible key: each is asked for its first.
 *
 * @param regions in the order of precedence
 */
export async function* listRegions(
  regions: readonly Region[],
  name: string,
  options: ListOptions,
): AsyncGenerator<ListPage> {
  const walk = new Walk(options);
  try {
    const roots = nest(regions, options.prefix ?? '');
    // Only where one target is all there is, what it knows of the rest is true of the whole.
    const alone = roots.length === 1 && roots[0]!.children.length === 0;
    for (const root of roots) {
      for await (const page of walk.node(root)) {
        yield alone || page.more === undefined ? page : { objects: page.objects, prefixes: page.prefixes };
        checkSignal({ name }, options.signal);
      }
    }
  } finally {
    await walk.close();
  }
}

/** The regions that have visible keys with this prefix, each with what all of those begin with, in their order. */
export function visibleRegions(regions: readonly Region[], prefix: string) {
  const kept: { region: Region; prefix: string; order: number }[] = [];
  for (const [order, region] of regions.entries()) {
    const cut = region.prefix.length > prefix.length ? region.prefix : prefix;
    const shadowed = kept.some(
      (earlier) =>
        cut.startsWith(earlier.prefix) && !(cut === earlier.region.prefix && leavesItsPrefix(earlier.region)),
    );
    if (!shadowed) kept.push({ region, prefix: cut, order });
  }
  return kept;
}

/** The regions that have keys with this prefix, cut to it, as trees in key order. */
function nest(regions: readonly Region[], prefix: string): Node[] {
  const kept = visibleRegions(regions, prefix);
  kept.sort((a, b) => compareKeys(a.prefix, b.prefix) || b.order - a.order);
  const roots: Node[] = [];
  const path: Node[] = [];
  for (const { region, prefix: cut } of kept) {
    const node: Node = { prefix: cut, owner: region.owner, children: [] };
    while (path.length > 0 && !cut.startsWith(path.at(-1)!.prefix)) path.pop();
    (path.at(-1)?.children ?? roots).push(node);
    path.push(node);
  }
  return roots;
}

/** See Layout.ownerOf: a whole bucket cannot hold the key that is the region's prefix itself. */
const leavesItsPrefix = ({ owner }: { owner?: Owner }): boolean => owner?.targetPrefix === '';

class Walk {
  readonly #prefix: string;
  readonly #delimiter: string | undefined;
  readonly #options: ReadOptions;
  readonly #readers = new Set<Reader>();
  /** Nothing at or before this is shown any more. */
  #floor: Bound | undefined;

  constructor({ prefix = '', delimiter, startAfter, pageSize, signal }: ListOptions) {
    this.#prefix = prefix;
    this.#delimiter = delimiter || undefined;
    this.#options = { pageSize, signal };
    if (startAfter) {
      const shared = this.#shared(startAfter);
      this.#floor = shared ? { key: shared, whole: true } : { key: startAfter, whole: false };
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  async *node(node: Node): AsyncGenerator<ListPage> {
    for (const child of node.children) {
      const hole = leavesItsPrefix(child) && child.prefix === child.owner!.prefix;
      yield* this.#range(node, hole ? `${child.prefix}\0` : child.prefix);
      if (coversPrefix(this.#floor, child.prefix)) continue;
      yield* this.node(child);
      this.#floor = laterOf(this.#floor, { key: child.prefix, whole: true });
    }
    yield* this.#range(node, undefined);
    await node.reader?.close();
    if (node.reader) this.#readers.delete(node.reader);
  }

  /** What a region itself has between the floor and the key `until`. */
  async *#range(node: Node, until: string | undefined): AsyncGenerator<ListPage> {
    if (!node.owner || coversPrefix(this.#floor, node.prefix) || reaches(this.#floor, until)) return;
    if (this.#delimiter === undefined) yield* this.#flat(node, until);
    else if (this.#shared(node.prefix)) yield* this.#probed(node, until, this.#shared(node.prefix)!);
    else if (this.#straddles(node)) yield* this.#rolledUp(node, until);
    else yield* this.#delimited(node, until);
  }

  async *#flat(node: Node, until: string | undefined): AsyncGenerator<ListPage> {
    const reader = this.#reader(node, undefined);
    for (
      let page = await reader.read(this.#floor, until);
      page;
      page = await reader.read(this.#floor, until)
    ) {
      yield page;
    }
  }

  async *#delimited(node: Node, until: string | undefined): AsyncGenerator<ListPage> {
    const entered = this.#floor && this.#shared(this.#floor.key);
    if (entered?.startsWith(node.prefix) && !coversPrefix(this.#floor, entered)) {
      // The range begins inside a common prefix, which the target would not show from here on.
      yield* this.#probed(node, until, entered);
      if (until?.startsWith(entered)) return;
      this.#floor = { key: entered, whole: true };
    }
    const reader = this.#reader(node, this.#delimiter);
    for (
      let page = await reader.read(this.#floor, until);
      page;
      page = await reader.read(this.#floor, until)
    ) {
      const last = page.prefixes.at(-1);
      const cut = last !== undefined && until?.startsWith(last) === true;
      const shown = cut ? { objects: page.objects, prefixes: page.prefixes.slice(0, -1) } : page;
      if (!isEmpty(shown)) yield shown;
      if (cut) {
        yield* this.#probed(node, until, last);
        return;
      }
      const lastKey = page.objects.at(-1)?.key;
      this.#floor =
        last !== undefined && (lastKey === undefined || compareKeys(last, lastKey) > 0)
          ? { key: last, whole: true }
          : { key: lastKey!, whole: false };
    }
  }

  /** Shows a common prefix when the region has a key of it between the floor and `until`. */
  async *#probed(node: Node, until: string | undefined, shared: string): AsyncGenerator<ListPage> {
    const prefix = shared.length > node.prefix.length ? shared : node.prefix;
    const reader = new Reader(node.owner!, prefix, { ...this.#options, pageSize: 4 });
    const found = await reader.read(this.#floor, until);
    await reader.close();
    if (!found) return;
    this.#floor = { key: shared, whole: true };
    yield { objects: [], prefixes: [shared] };
  }

  /** Groups keys here, where the target cannot: the delimiter lies across the end of the region's prefix. */
  async *#rolledUp(node: Node, until: string | undefined): AsyncGenerator<ListPage> {
    const reader = this.#reader(node, undefined);
    for (
      let page = await reader.read(this.#floor, until);
      page;
      page = await reader.read(this.#floor, until)
    ) {
      const shown: ListPage = { objects: [], prefixes: [] };
      for (const object of page.objects) {
        if (!isAfter(object.key, this.#floor)) continue;
        const shared = this.#shared(object.key);
        if (shared) shown.prefixes.push(shared);
        else shown.objects.push(object);
        this.#floor = { key: shared ?? object.key, whole: shared !== undefined };
      }
      if (!isEmpty(shown)) yield shown;
    }
  }

  #reader(node: Node, delimiter: string | undefined): Reader {
    node.reader ??= new Reader(node.owner!, node.prefix, { ...this.#options, delimiter });
    this.#readers.add(node.reader);
    return node.reader;
  }

  /** The common prefix that a key is shown as. */
  #shared(key: string): string | undefined {
    if (this.#delimiter === undefined || !key.startsWith(this.#prefix)) return undefined;
    const at = key.indexOf(this.#delimiter, this.#prefix.length);
    return at < 0 ? undefined : key.slice(0, at + this.#delimiter.length);
  }

  #straddles(node: Node): boolean {
    const tail = node.prefix.slice(this.#prefix.length);
    const delimiter = this.#delimiter!;
    for (let length = 1; length < delimiter.length; length++) {
      if (tail.endsWith(delimiter.slice(0, length))) return true;
    }
    return false;
  }
}
