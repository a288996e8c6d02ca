import { isError, SluiceError } from '../base/errors.ts';
import { checkKey } from '../stores/checks.ts';
import { StoreError } from '../stores/errors.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import type { RoutingConfig } from './mapping.ts';
import { containerEnd, type Owner, openOwner, type Rule, rulesOf, storeUri } from './targets.ts';

/**
 * Gives the containers whose URIs begin with `uri`, such as `gs://logs-2026/` for `gs://logs`. Needed only
 * to list below a mapping whose target names no bucket.
 */
export type ListContainers = (uri: string, options: { connection?: string }) => AsyncIterable<string>;

/** A part of a bucket's keys: those that begin with `prefix`, and who has them; nobody where `owner` is missing. */
export interface Region {
  prefix: string;
  owner?: Owner;
}

interface OpenRule extends Rule {
  /** Keys name the container: `s3a://bucket/all/` → `gs://`. */
  byKey: boolean;
  /** Undefined where keys name the container, or while the target cannot be opened. */
  owner?: Owner;
  optional: boolean;
}

/** Who owns the keys of one visible bucket. */
export class Layout {
  readonly name: string;
  readonly #config: RoutingConfig;
  readonly #open: OpenStore;
  readonly #containers: ListContainers | undefined;
  readonly #rules: readonly OpenRule[];
  readonly #sample: readonly Store[];
  /** False when a target could not be reached; its keys try again, the others work. */
  readonly complete: boolean;

  private constructor(
    name: string,
    config: RoutingConfig,
    open: OpenStore,
    containers: ListContainers | undefined,
    rules: readonly OpenRule[],
    sample: readonly Store[],
  ) {
    this.name = name;
    this.#config = config;
    this.#open = open;
    this.#containers = containers;
    this.#rules = rules;
    this.#sample = sample;
    this.complete = rules.length === sample.length;
  }

  /**
   * Opens every target of a bucket. One that cannot be reached now is left for later, unless it is the only one.
   * @throws SluiceError BAD_URI when the scheme is not routed
   */
  static async open(
    config: RoutingConfig,
    open: OpenStore,
    scheme: string,
    bucket: string,
    containers?: ListContainers,
  ): Promise<Layout> {
    const name = `${scheme}://${bucket}`;
    const rules = rulesOf(config, scheme, bucket);
    if (rules.length === 0) {
      throw new SluiceError(
        'BAD_URI',
        `${name} is not routed: no mapping takes it and ${scheme}:// has no default.`,
      );
    }
    const failures: unknown[] = [];
    const sample: Store[] = [];
    const opened = await Promise.all(
      rules.map(async (rule): Promise<OpenRule> => {
        const target = rule.target('');
        const byKey = containerEnd(config, target) === undefined;
        const optional = rule.mapping === undefined && rules.length > 1;
        // What a store can do depends on its connection only, so any container tells it.
        const rest = byKey ? (target.uri.endsWith('/') ? 'main/main/' : '/main/') : '';
        try {
          const owner = await openOwner(config, open, rule, rest, optional);
          sample.push(owner.store);
          return { ...rule, byKey, optional, ...(!byKey && { owner }) };
        } catch (error) {
          if (!isError(error) || !error.retryable) throw error;
          failures.push(error);
          return { ...rule, byKey, optional };
        }
      }),
    );
    if (sample.length === 0) throw failures[0];
    return new Layout(name, config, open, containers, opened, sample);
  }

  /** One store for each target that could be opened. */
  get stores(): readonly Store[] {
    return this.#sample;
  }

  /**
   * The owner of a key. A target that is a whole bucket cannot hold the key that is just the mapping's
   * prefix (a folder's marker, `raw/`); that one stays with whoever comes next.
   * @throws StoreError BAD_KEY: not a key, or nobody can hold it
   */
  async ownerOf(key: string): Promise<Owner> {
    const owner = await this.find(key);
    if (owner) return owner;
    throw new StoreError(
      'BAD_KEY',
      `${this.name}/${key} has no place: its target names no bucket or no key.`,
      {
        store: this.name,
        key,
      },
    );
  }

  /** As ownerOf, at once; nothing where a target has to be opened first. @throws StoreError BAD_KEY */
  ready(key: string): Owner | undefined {
    checkKey(this, key);
    for (const { prefix, byKey, owner } of this.#rules) {
      if (!key.startsWith(prefix)) continue;
      if (byKey || !owner) return undefined;
      if (owner.targetPrefix !== '' || key.length > prefix.length) return owner;
    }
    return undefined;
  }

  /** As ownerOf, with nothing for a key that nobody can hold. */
  async find(key: string): Promise<Owner | undefined> {
    checkKey(this, key);
    for (const rule of this.#rules) {
      if (!key.startsWith(rule.prefix)) continue;
      if (rule.byKey) return this.#byKey(rule, key);
      const owner = rule.owner ?? (await this.#reopen(rule));
      if (owner.targetPrefix !== '' || key.length > rule.prefix.length) return owner;
    }
    return undefined;
  }

  /** The regions that hold keys with this prefix, in the order of precedence. */
  async regions(prefix: string): Promise<Region[]> {
    const regions: Region[] = [];
    for (const rule of this.#rules) {
      if (!rule.prefix.startsWith(prefix) && !prefix.startsWith(rule.prefix)) continue;
      if (!rule.byKey) {
        regions.push({ prefix: rule.prefix, owner: rule.owner ?? (await this.#reopen(rule)) });
        continue;
      }
      const named = prefix.length > rule.prefix.length ? await this.#byKey(rule, `${prefix}-`) : undefined;
      if (named) regions.push({ prefix: named.prefix, owner: named });
      else for await (const owner of this.#all(rule, prefix)) regions.push({ prefix: owner.prefix, owner });
      regions.push({ prefix: rule.prefix });
    }
    return regions;
  }

  async #reopen(rule: OpenRule): Promise<Owner> {
    rule.owner = await openOwner(this.#config, this.#open, rule, '', rule.optional);
    return rule.owner;
  }

  async #byKey(rule: Rule, key: string): Promise<Owner | undefined> {
    const target = rule.target(key.slice(rule.prefix.length));
    const end = containerEnd(this.#config, target);
    if (end === undefined || end === target.uri.length) return undefined;
    const rest = key.slice(rule.prefix.length, key.length - (target.uri.length - end));
    return openOwner(this.#config, this.#open, rule, rest, false);
  }

  async *#all(rule: Rule, prefix: string): AsyncGenerator<Owner> {
    const target = rule.target(prefix.slice(rule.prefix.length));
    if (!this.#containers) {
      throw new StoreError(
        'UNSUPPORTED',
        `${this.name}/${prefix} cannot be listed: mapping ${rule.mapping?.name} leads to ${rule.target('').uri}, which names no bucket. List below ${this.name}/${rule.prefix}<bucket>/, or give the mapping a target with a bucket.`,
        { store: this.name },
      );
    }
    const uri = storeUri(this.#config, target);
    const begin = storeUri(this.#config, rule.target('')).length;
    for await (const container of this.#containers(uri, { connection: target.connection })) {
      const rest = container.slice(begin);
      yield await openOwner(this.#config, this.#open, rule, rest.endsWith('/') ? rest : `${rest}/`, false);
    }
  }
}
