import { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { compareKeys } from '../../base/keys.ts';
import { checkKey, checkSignal, unsupported } from '../../stores/checks.ts';
import { StoreError } from '../../stores/errors.ts';
import type { OpenStore } from '../../stores/open.ts';
import { propertiesOf } from '../../stores/properties.ts';
import { resolveRange } from '../../stores/read.ts';
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
  ObjectContent,
  ObjectInfo,
  PutOptions,
  Store,
} from '../../stores/store.ts';
import { type LakeClient, MAX_DELETE } from '../client/client.ts';
import type { LakeEntry } from '../client/entry.ts';
import { MAX_PAGE } from '../client/reader.ts';
import { infoOf, sentInfo } from './info.ts';
import { LakeMultipart } from './multipart/multipart.ts';
import { propertiesFrom } from './properties.ts';
import { steadyBody } from './reading.ts';
import { changed, entryOpener, isClosedWay, type Reach, type Way } from './ways.ts';
import { MAX_SINGLE_PUT, putDirect, putPresigned, putThrough, type Target } from './writing.ts';

export type { Way } from './ways.ts';

export interface LakeStoreOptions {
  /** `auto` (the default): presigned where the server can and the object store is in reach, else through lakeFS. */
  via?: Way | 'auto';
  /** Opens the bucket that the objects lie in; needed for `store`. */
  open?: OpenStore;
  /** Whether the ref can be written to: it is a branch. */
  writable?: boolean;
  /** Opens the repository as a bucket of lakeFS's S3 gateway; needed for uploads in parts by `api`. */
  openGateway?: () => Promise<Store>;
}

/** A ref of a lakeFS repository as a Store: a branch can be written to, a tag or a commit only read. */
export class LakeStore implements Store {
  readonly kind = 'lakefs';
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly client: LakeClient;
  readonly repository: string;
  readonly ref: string;
  readonly multipart?: LakeMultipart;
  readonly #reach: Reach;

  constructor(client: LakeClient, repository: string, ref: string, options: LakeStoreOptions = {}) {
    this.client = client;
    this.repository = repository;
    this.ref = ref;
    this.name = `lakefs://${repository}/${ref}`;
    this.#reach = {
      client,
      repository,
      ref,
      name: this.name,
      via: options.via ?? 'auto',
      open: options.open,
    };
    const writable = options.writable ?? false;
    this.capabilities = {
      putIfAbsent: writable,
      putIfMatch: false,
      deleteIfMatch: false,
      presign: false,
      multipart: writable,
      properties: true,
      readOnly: !writable,
      deleteBatch: MAX_DELETE,
    };
    if (writable) {
      this.multipart = new LakeMultipart(
        this.#reach,
        () => this.#way(),
        options.openGateway,
        (source) => (this.canCopyFrom(source) ? { ref: (source as LakeStore).ref } : undefined),
      );
    }
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListPage> {
    const { prefix, startAfter, delimiter, pageSize = MAX_PAGE, signal } = options;
    checkSignal(this, signal);
    const amount = Math.min(Math.max(pageSize, 1), MAX_PAGE);
    const pages = this.client.list(this.repository, this.ref, {
      prefix,
      after: startAfter,
      delimiter,
      amount,
      signal,
    });
    for await (const page of pages) {
      checkSignal(this, signal);
      yield {
        objects: page.entries.map(infoOf),
        // lakeFS shows a prefix as long as something below it comes after.
        prefixes: startAfter
          ? page.prefixes.filter((each) => compareKeys(each, startAfter) > 0)
          : page.prefixes,
      };
    }
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    return infoOf(await this.#stat(key, false, options.signal));
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    checkKey(this, key);
    const { range, ifMatch, ifNoneMatch, signal } = options;
    checkSignal(this, signal);
    const way = await this.#way();
    const entry = await this.#statFor(key, way, signal);
    if (ifMatch !== undefined && ifMatch !== entry.checksum) throw changed(this.name, key);
    if (ifNoneMatch !== undefined && ifNoneMatch === entry.checksum) {
      throw new StoreError('NOT_MODIFIED', `${key} in ${this.name} is what it was.`, {
        store: this.name,
        key,
      });
    }
    const at = { store: this.name, key };
    const asked = resolveRange(range, entry.size, at);
    const span = asked ?? { start: 0, end: entry.size - 1 };
    const content: ObjectContent = { info: infoOf(entry), body: Readable.from([]) };
    if (asked) content.range = asked;
    if (entry.size === 0) return content;
    const open = entryOpener(this.#reach, entry, way, span.end, signal);
    return { ...content, body: steadyBody(open, await open(span.start), span, at, signal) };
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    const target = this.#target(key, 'be written to');
    checkSignal(this, options.signal);
    if (options.ifMatch !== undefined) throw unsupported(this, 'check an etag while it writes', key);
    const size = body instanceof Uint8Array ? body.byteLength : options.size;
    const way = await this.#way();
    if (way === 'store') return sentInfo(await putDirect(target, this.#reach.open!, body, options));
    const fits = size !== undefined && size <= MAX_SINGLE_PUT;
    // A stream that a closed way has eaten into cannot go the other one: a way once closed is not tried with it again.
    const once = body instanceof Readable;
    if (way === 'presign' && fits && !(once && this.#reach.putsClosed)) {
      try {
        return sentInfo(await putPresigned(target, body, options));
      } catch (error) {
        if (this.#reach.via !== 'auto' || !isClosedWay(error)) throw error;
        this.#reach.putsClosed = true;
        if (once && (body.readableDidRead || body.destroyed)) throw error;
      }
    }
    return sentInfo(await putThrough(target, body, options));
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    const { repository, branch, path } = this.#target(key, 'delete');
    checkSignal(this, options.signal);
    if (options.ifMatch !== undefined) throw unsupported(this, 'check an etag while it deletes', key);
    await this.client.deleteObject(repository, branch, path, options);
  }

  async deleteMany(
    keys: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    const good = keys.filter((key) => {
      try {
        return this.#target(key, 'delete');
      } catch (error) {
        failures.push({ key, error: error as Error });
        return false;
      }
    });
    for (let at = 0; at < good.length; at += MAX_DELETE) {
      const batch = good.slice(at, at + MAX_DELETE);
      for (const failed of await this.client.deleteObjects(this.repository, this.ref, batch, options)) {
        const code = failed.status === 403 || failed.status === 401 ? 'ACCESS_DENIED' : 'UNAVAILABLE';
        const message = `${failed.path} could not be deleted from ${this.name}: "${failed.message}".`;
        const error = new StoreError(code, message, { store: this.name, key: failed.path });
        failures.push({ key: failed.path, error });
      }
    }
    return failures;
  }

  /** Within one repository; from one ref to another, too. */
  canCopyFrom(source: Store): boolean {
    return (
      source instanceof LakeStore &&
      source.repository === this.repository &&
      source.client.endpoint === this.client.endpoint
    );
  }

  /** lakeFS copies an object with the properties it has; with others its bytes pass through here. */
  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    if (!(source instanceof LakeStore) || !this.canCopyFrom(source))
      throw unsupported(this, `copy from ${source.name} by itself`, key);
    const { repository, branch, path } = this.#target(key, 'be written to');
    checkKey(source, sourceKey);
    const { signal, sourceIfMatch } = options;
    checkSignal(this, signal);
    const from = await source.#stat(sourceKey, false, signal);
    if (sourceIfMatch !== undefined && sourceIfMatch !== from.checksum) throw changed(source.name, sourceKey);
    const given = propertiesOf(options);
    if (given.contentType === from.contentType) delete given.contentType;
    if (Object.keys(given).length === 0) {
      if (options.ifNoneMatch) await this.#refuseExisting(key, signal);
      const copied = await this.client.copyObject(repository, branch, path, source.ref, sourceKey, {
        signal,
      });
      return infoOf(copied);
    }
    return this.put(key, async () => (await source.get(sourceKey, { ifMatch: from.checksum, signal })).body, {
      contentType: from.contentType,
      ...propertiesFrom(from.metadata),
      ...given,
      size: from.size,
      ifNoneMatch: options.ifNoneMatch,
      signal,
    });
  }

  async close(): Promise<void> {
    await this.multipart?.close();
    await this.client.close();
  }

  #stat(key: string, presign: boolean, signal?: AbortSignal): Promise<LakeEntry> {
    return this.client.stat(this.repository, this.ref, key, { presign, signal });
  }

  /** With a presigned address where that is the way; a server that refuses one is asked without. */
  async #statFor(key: string, way: Way, signal?: AbortSignal): Promise<LakeEntry> {
    try {
      return await this.#stat(key, way === 'presign', signal);
    } catch (error) {
      if (way !== 'presign' || this.#reach.via !== 'auto' || !isError(error, 'UNSUPPORTED')) throw error;
      this.#reach.presignWorks = false;
      return this.#stat(key, false, signal);
    }
  }

  async #way(): Promise<Way> {
    if (this.#reach.via === 'store' && !this.#reach.open)
      throw unsupported(this, 'reach its bucket: nothing was given to open it with');
    if (this.#reach.via !== 'auto') return this.#reach.via;
    this.#reach.presignWorks ??= (await this.client.storageConfig()).pre_sign_support;
    return this.#reach.presignWorks ? 'presign' : 'api';
  }

  #target(key: string, verb: string): Target {
    checkKey(this, key);
    if (this.capabilities.readOnly)
      throw unsupported(this, `${verb}: only a branch can, and "${this.ref}" is none`, key);
    return {
      client: this.client,
      repository: this.repository,
      branch: this.ref,
      path: key,
      store: this.name,
    };
  }

  async #refuseExisting(key: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#stat(key, false, signal);
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return;
      throw error;
    }
    throw new StoreError('PRECONDITION_FAILED', `${key} is already in ${this.name}.`, {
      store: this.name,
      key,
    });
  }
}
