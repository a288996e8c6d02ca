import { createHash } from 'node:crypto';
import { compareKeys } from '../../base/keys.ts';
import { type BodyChecks, collected, repeated } from '../body.ts';
import { checkKey, checkSignal, unsupported } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { propertiesOf } from '../properties.ts';
import { bytesStream, cancelable, resolveRange } from '../read.ts';
import { DEFAULT_RETRY } from '../retry.ts';
import type {
  Body,
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
  ObjectProperties,
  PutOptions,
  Store,
} from '../store.ts';
import { MemoryMultipart } from './multipart.ts';
import { SortedKeys } from './sorted-keys.ts';

interface Entry {
  info: ObjectInfo;
  bytes: Buffer;
}

/** Objects in this process, for tests, demos and `memory://` destinations. Its etags are MD5s, as S3 gives them. */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly name: string;
  readonly capabilities = {
    putIfAbsent: true,
    putIfMatch: true,
    deleteIfMatch: true,
    presign: false,
    multipart: true,
    properties: true,
    readOnly: false,
    deleteBatch: 1000,
  };
  readonly multipart: Multipart;
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new SortedKeys();

  /** @param options.minPartSize bytes of the smallest part that is not the last */
  constructor(name = 'memory://', options: { minPartSize?: number } = {}) {
    this.name = name;
    this.multipart = new MemoryMultipart(this, options.minPartSize ?? 1);
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListPage> {
    const { prefix = '', delimiter, startAfter = '', signal } = options;
    const pageSize = Math.max(1, options.pageSize ?? 1000);
    let last = startAfter;
    for (;;) {
      checkSignal(this, signal);
      const page = this.#page(prefix, delimiter, last, pageSize);
      const count = page.objects.length + page.prefixes.length;
      if (count > 0) yield page;
      if (count < pageSize) return;
      const lastKey = page.objects.at(-1)?.key ?? '';
      const lastPrefix = page.prefixes.at(-1) ?? '';
      last = compareKeys(lastKey, lastPrefix) > 0 ? lastKey : lastPrefix;
    }
  }

  #page(prefix: string, delimiter: string | undefined, last: string, pageSize: number): ListPage {
    const page: ListPage = { objects: [], prefixes: [] };
    const cut = (key: string): string | undefined => {
      const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      return at < 0 ? undefined : key.slice(0, at + delimiter!.length);
    };
    const from = (key: string) => compareKeys(key, last) > 0 && compareKeys(key, prefix) >= 0;
    let { index } = this.#keys.first(from);
    while (page.objects.length + page.prefixes.length < pageSize) {
      const key = this.#keys.at(index);
      if (key === undefined || !key.startsWith(prefix)) break;
      const shared = cut(key);
      if (shared === undefined) {
        page.objects.push({ ...this.#entries.get(key)!.info });
        index++;
        continue;
      }
      if (compareKeys(shared, last) > 0) page.prefixes.push(shared);
      index = this.#keys.first((other) => compareKeys(other, shared) > 0 && !other.startsWith(shared)).index;
    }
    return page;
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    checkSignal(this, options.signal);
    return { ...this.#entry(key).info };
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    checkSignal(this, options.signal);
    const { info, bytes } = this.#entry(key);
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw this.#changed(key);
    if (options.ifNoneMatch !== undefined && options.ifNoneMatch === info.etag) {
      throw new StoreError('NOT_MODIFIED', `${key} in ${this.name} has not changed.`, {
        store: this.name,
        key,
      });
    }
    const range = resolveRange(options.range, bytes.length, { store: this.name, key });
    const body = bytesStream(range ? bytes.subarray(range.start, range.end + 1) : bytes);
    return { info: { ...info }, range, body: cancelable(body, this.name, options.signal) };
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    return repeated(body, DEFAULT_RETRY, options.signal, async (source) => {
      const hash = createHash('md5');
      const bytes = await this.collect(key, source, { ...options, hash });
      const md5 = hash.digest('hex');
      return this.place(key, bytes, { etag: md5, md5 }, options);
    });
  }

  /** Reads a body to its end; the bytes are this Store's own afterwards. */
  async collect(key: string, body: Body, checks: BodyChecks): Promise<Buffer> {
    return Buffer.from(await collected(body, checks, { store: this.name, key }));
  }

  /** Makes bytes visible under a key, if the conditions hold. */
  place(
    key: string,
    bytes: Buffer,
    tags: { etag: string; md5?: string },
    options: ObjectProperties & { ifNoneMatch?: '*'; ifMatch?: string; modified?: number },
  ): ObjectInfo {
    const there = this.#entries.get(key);
    if (options.ifNoneMatch !== undefined && there) {
      throw new StoreError('PRECONDITION_FAILED', `${key} is already there in ${this.name}.`, {
        store: this.name,
        key,
      });
    }
    if (options.ifMatch !== undefined && options.ifMatch !== there?.info.etag) throw this.#changed(key);
    const info: ObjectInfo = {
      key,
      size: bytes.length,
      ...tags,
      modified: options.modified ?? Date.now(),
      ...propertiesOf(options),
    };
    this.#entries.set(key, { info, bytes });
    if (!there) this.#keys.add(key);
    return { ...info };
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    const there = this.#entries.get(key);
    if (!there) return;
    if (options.ifMatch !== undefined && options.ifMatch !== there.info.etag) throw this.#changed(key);
    this.#entries.delete(key);
    this.#keys.remove(key);
  }

  async deleteMany(
    keys: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (const key of keys) {
      checkSignal(this, options.signal);
      await this.delete(key).catch((error) => failures.push({ key, error }));
    }
    return failures;
  }

  canCopyFrom(source: Store): boolean {
    return source instanceof MemoryStore;
  }

  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    if (!(source instanceof MemoryStore)) throw unsupported(this, `copy from ${source.name} by itself`, key);
    const { info, bytes } = source.#entry(sourceKey);
    if (options.sourceIfMatch !== undefined && options.sourceIfMatch !== info.etag) {
      throw source.#changed(sourceKey);
    }
    return this.place(
      key,
      bytes,
      { etag: info.etag!, md5: info.md5 },
      {
        ...propertiesOf(info),
        ...propertiesOf(options),
        ifNoneMatch: options.ifNoneMatch,
        modified: options.modified,
      },
    );
  }

  async close(): Promise<void> {}

  #entry(key: string): Entry {
    checkKey(this, key);
    const entry = this.#entries.get(key);
    if (entry) return entry;
    throw new StoreError('NOT_FOUND', `There is no object ${key} in ${this.name}.`, {
      store: this.name,
      key,
    });
  }

  #changed(key: string): StoreError {
    return new StoreError('PRECONDITION_FAILED', `${key} in ${this.name} is not the object it was.`, {
      store: this.name,
      key,
    });
  }
}
