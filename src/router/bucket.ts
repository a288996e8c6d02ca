import { toSluiceError } from '../base/errors.ts';
import { unsupported } from '../stores/checks.ts';
import { StoreError } from '../stores/errors.ts';
import type {
  Body,
  Capabilities,
  CopyOptions,
  DeleteFailure,
  DeleteOptions,
  GetOptions,
  HeadOptions,
  ListOptions,
  ListPage,
  Multipart,
  ObjectContent,
  ObjectInfo,
  ObjectTags,
  PresignOptions,
  PutOptions,
  Store,
} from '../stores/store.ts';
import { copyObject, type Place } from './copy.ts';
import type { Layout } from './layout.ts';
import { listRegions, visibleRegions } from './list.ts';
import { RouterMultipart } from './multipart.ts';
import { readAhead } from './read-ahead.ts';
import { type Owner, targetKey } from './targets.ts';

/**
 * One visible bucket as a Store: a key belongs to the first mapping whose prefix it has, else to the
 * default. Its capabilities are those of all targets; what only some can do, such as multipart uploads, works
 * for their keys and is UNSUPPORTED for others. Errors of a target come through as they are,
 * with the target's name and key, because that is where to look.
 */
export class RouterBucket implements Store {
  readonly kind = 'router';
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly multipart?: Multipart;
  readonly tags?: ObjectTags;
  readonly presign?: NonNullable<Store['presign']>;
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.name = layout.name;
    this.#layout = layout;
    this.capabilities = commonCapabilities(layout.stores);
    if (layout.stores.some(({ multipart }) => multipart)) {
      this.multipart = new RouterMultipart(layout, placeOf);
    }
    if (layout.stores.some(({ tags }) => tags)) this.tags = this.#tags();
    if (layout.stores.some(({ presign }) => presign))
      this.presign = (key, options) => this.#presign(key, options);
  }

  /** Where an object lies. @throws StoreError BAD_KEY */
  async place(key: string): Promise<Place> {
    const owner = this.#layout.ready(key) ?? (await this.#layout.ownerOf(key));
    return { store: owner.store, key: targetKey(owner, key) };
  }

  /** The parts of targets in which the visible keys with this prefix lie, each with a prefix there. */
  async places(prefix: string): Promise<Place[]> {
    const visible = visibleRegions(await this.#layout.regions(prefix), prefix);
    return visible.flatMap(({ region: { owner }, prefix: cut }) =>
      owner ? { store: owner.store, key: targetKey(owner, cut) } : [],
    );
  }

  list(options: ListOptions = {}): AsyncIterable<ListPage> {
    return readAhead(this.#list(options));
  }

  async *#list(options: ListOptions): AsyncGenerator<ListPage> {
    yield* listRegions(await this.#layout.regions(options.prefix ?? ''), this.name, options);
  }

  async head(key: string, options?: HeadOptions): Promise<ObjectInfo> {
    const at = await this.place(key);
    return { ...(await at.store.head(at.key, options)), key };
  }

  async get(key: string, options?: GetOptions): Promise<ObjectContent> {
    const at = await this.place(key);
    const content = await at.store.get(at.key, options);
    return { ...content, info: { ...content.info, key } };
  }

  async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    const at = await this.place(key);
    if (options?.tags && !at.store.tags) throw unsupported(at.store, 'keep tags', key);
    return { ...(await at.store.put(at.key, body, options)), key };
  }

  async delete(key: string, options?: DeleteOptions): Promise<void> {
    const at = await this.place(key);
    await at.store.delete(at.key, options);
  }

  async deleteMany(
    keys: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    const groups = new Map<string, { owner: Owner; keys: Map<string, string> }>();
    for (const key of keys) {
      try {
        const owner = await this.#layout.ownerOf(key);
        const group = groups.get(owner.id) ?? { owner, keys: new Map() };
        group.keys.set(targetKey(owner, key), key);
        groups.set(owner.id, group);
      } catch (error) {
        failures.push({ key, error: toSluiceError(error) });
      }
    }
    let thrown = 0;
    const done = [...groups.values()].map(async ({ owner, keys }) => {
      try {
        const failed = await owner.store.deleteMany([...keys.keys()], options);
        for (const { key, error } of failed) failures.push({ key: keys.get(key) ?? key, error });
      } catch (error) {
        // A target that fails as a whole fails its own keys; where it is the only one, the call.
        if (++thrown === groups.size) throw error;
        for (const key of keys.values()) failures.push({ key, error: toSluiceError(error) });
      }
    });
    await Promise.all(done);
    return failures;
  }

  canCopyFrom(source: Store): boolean {
    const sources = source instanceof RouterBucket ? source.#layout.stores : [source];
    return this.#layout.stores.every((store) => sources.every((each) => store.canCopyFrom(each)));
  }

  /**
   * From another bucket of a router this works always: where the two targets cannot copy by themselves,
   * the object passes through this process and is checked. `canCopyFrom` tells whether that can happen.
   */
  async copyFrom(source: Store, sourceKey: string, key: string, options?: CopyOptions): Promise<ObjectInfo> {
    const to = await this.place(key);
    const from = await placeOf(source, sourceKey);
    if (!(source instanceof RouterBucket) && !to.store.canCopyFrom(source)) {
      throw unsupported(to.store, `copy from ${source.name} by itself`, key);
    }
    return { ...(await copyObject(from, to, options)), key };
  }

  /** The targets stay open: they belong to whoever opened them. */
  async close(): Promise<void> {}

  /** Of each key's owner. One that keeps none has none, and can do without their removal. */
  #tags(): ObjectTags {
    return {
      get: async (key) => {
        const { store, key: at } = await this.place(key);
        if (store.tags) return store.tags.get(at);
        await store.head(at);
        return {};
      },
      set: async (key, tags) => {
        const { store, key: at } = await this.place(key);
        if (!store.tags) throw unsupported(store, 'keep tags', key);
        await store.tags.set(at, tags);
      },
      delete: async (key) => {
        const { store, key: at } = await this.place(key);
        if (store.tags) await store.tags.delete(at);
        else await store.head(at);
      },
    };
  }

  async #presign(key: string, options: PresignOptions): Promise<string> {
    const at = await this.place(key);
    if (at.store.presign) return at.store.presign(at.key, options);
    throw new StoreError('UNSUPPORTED', `${at.store.name} cannot presign.`, { store: this.name, key });
  }
}

/** Where all objects under a prefix really lie, when their Store is a bucket of a router. */
export const placesOf = async (store: Store, prefix: string): Promise<Place[]> =>
  store instanceof RouterBucket ? store.places(prefix) : [{ store, key: prefix }];

/** Where an object really lies, when its Store is a bucket of a router. */
export const placeOf = async (store: Store, key: string): Promise<Place> =>
  store instanceof RouterBucket ? store.place(key) : { store, key };

function commonCapabilities(stores: readonly Store[]): Capabilities {
  const all = stores.map(({ capabilities }) => capabilities);
  return {
    putIfAbsent: all.every((each) => each.putIfAbsent),
    putIfMatch: all.every((each) => each.putIfMatch),
    deleteIfMatch: all.every((each) => each.deleteIfMatch),
    presign: all.every((each) => each.presign),
    multipart: all.every((each) => each.multipart),
    properties: all.every((each) => each.properties),
    // Where some targets can be written, those that cannot say so themselves.
    readOnly: all.every((each) => each.readOnly),
    deleteBatch: Math.min(...all.map((each) => each.deleteBatch)),
  };
}
