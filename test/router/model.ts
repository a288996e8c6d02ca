import { Buffer } from 'node:buffer';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import type { OpenStore } from '../../src/stores/open.ts';
import type { ListOptions, Store } from '../../src/stores/store.ts';

/** A mapping of the test: keys with `prefix` lie in store number `store` under `target`. */
export interface ModelRule {
  prefix: string;
  store: number;
  target: string;
}

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * What a router must show, in the plainest way: all objects of all stores are looked at for every question.
 * Contents are compared as text.
 */
export class Model {
  readonly stores: Map<string, string>[];
  readonly #rules: readonly ModelRule[];

  constructor(rules: readonly ModelRule[], stores: number) {
    this.#rules = rules;
    this.stores = Array.from({ length: stores }, () => new Map());
  }

  /** Store and key of a visible key; undefined when nobody can hold it. */
  owner(key: string): { store: number; key: string; rule: ModelRule } | undefined {
    let shadow: ModelRule[] = [];
    for (const rule of this.#rules) {
      if (shadow.some((earlier) => rule.prefix.startsWith(earlier.prefix))) continue;
      shadow = [...shadow, rule];
      if (!key.startsWith(rule.prefix)) continue;
      const target = rule.target + key.slice(rule.prefix.length);
      if (target !== '') return { store: rule.store, key: target, rule };
    }
    return undefined;
  }

  get(key: string): string | undefined {
    const owner = this.owner(key);
    return owner && this.stores[owner.store]!.get(owner.key);
  }

  put(key: string, content: string): void {
    const owner = this.owner(key)!;
    this.stores[owner.store]!.set(owner.key, content);
  }

  delete(key: string): void {
    const owner = this.owner(key)!;
    this.stores[owner.store]!.delete(owner.key);
  }

  keys(): string[] {
    const keys = new Set<string>();
    for (const rule of this.#rules) {
      for (const key of this.stores[rule.store]!.keys()) {
        if (!key.startsWith(rule.target)) continue;
        const visible = rule.prefix + key.slice(rule.target.length);
        if (visible !== '' && this.owner(visible)?.rule === rule) keys.add(visible);
      }
    }
    return [...keys].sort(order);
  }

  /** Objects as `=key`, common prefixes as `>prefix`, in order. */
  list({ prefix = '', delimiter, startAfter = '' }: ListOptions): string[] {
    const entries = new Map<string, string>();
    for (const key of this.keys()) {
      if (!key.startsWith(prefix)) continue;
      const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      const entry = at < 0 ? key : key.slice(0, at + delimiter!.length);
      if (order(entry, startAfter) > 0) entries.set(at < 0 ? `=${entry}` : `>${entry}`, entry);
    }
    return [...entries.keys()].sort((a, b) => order(a.slice(1), b.slice(1)));
  }
}

/** Opens `memory://<name>/<path>`; the same name is the same store. Each copies from itself only, as providers do. */
export function memoryOpener(pages?: { size: number }): OpenStore & { stores: Map<string, MemoryStore> } {
  const stores = new Map<string, MemoryStore>();
  const open: OpenStore = async (uri) => {
    const [, container = '', path = ''] = /^[a-z0-9]+:\/\/([^/]+)\/?(.*)$/s.exec(uri) ?? [];
    let store = stores.get(container);
    if (!store) {
      store = new MemoryStore(`memory://${container}`);
      if (pages) smallPages(store, pages.size);
      const own = store;
      own.canCopyFrom = (source) => source === own;
      stores.set(container, store);
    }
    return { store, path, uri };
  };
  return Object.assign(open, { stores });
}

/** A store that gives small pages whatever is asked for, as stores may. */
function smallPages(store: MemoryStore, size: number): void {
  const list = store.list.bind(store);
  store.list = (options = {}) => list({ ...options, pageSize: Math.min(size, options.pageSize ?? size) });
}

/** A listing as Model.list gives it, with the order and size of its pages checked. */
export async function listed(store: Store, options: ListOptions): Promise<string[]> {
  const entries: string[] = [];
  for await (const page of store.list(options)) {
    const count = page.objects.length + page.prefixes.length;
    if (options.pageSize !== undefined && count > options.pageSize) throw new Error(`a page of ${count}`);
    const shown = [...page.objects.map(({ key }) => `=${key}`), ...page.prefixes.map((each) => `>${each}`)];
    entries.push(...shown.sort((a, b) => order(a.slice(1), b.slice(1))));
  }
  return entries;
}
