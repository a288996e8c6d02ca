import { lstat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { compareKeys } from '../../base/keys.ts';
import { repeated } from '../body.ts';
import { checkKey, checkSignal, unsupported } from '../checks.ts';
import { deleteEach } from '../delete-each.ts';
import { StoreError } from '../errors.ts';
import { cancelable, resolveRange } from '../read.ts';
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
  PutOptions,
  Store,
} from '../store.ts';
import { codeOf, guarded, notFound } from './errors.ts';
import { Folders } from './folders.ts';
import { FileMultipart } from './multipart.ts';
import { fileStream, findFile, infoOf, openFile, placesOf } from './reading.ts';
import { type Found, walk } from './walk.ts';
import { type Draft, remove, Writer } from './writing.ts';

const PAGE = 1000;

export interface FileStoreOptions {
  /** Waits for the disk with every put: slow, and safe when the power fails. Default: safe when the process dies. */
  sync?: boolean;
  /** Milliseconds after which what a killed process left unfinished is removed by the next one that writes, a day; seven times that for uploads in parts. */
  keepUnfinished?: number;
}

/**
 * A folder as a Store. Names of files are the keys (names.ts says what happens to those that cannot be);
 * content type and metadata are not kept, the modified time is. Symbolic links in it are not followed.
 */
export class FileStore implements Store {
  readonly kind = 'file';
  readonly name: string;
  readonly root: string;
  readonly capabilities = {
    putIfAbsent: true,
    putIfMatch: false,
    deleteIfMatch: false,
    presign: false,
    multipart: true,
    properties: false,
    readOnly: false,
    deleteBatch: 1,
  };
  readonly multipart: Multipart;
  readonly #folders: Folders;
  readonly #writer: Writer;

  /** @param root an absolute path; made by the first put when it is not there */
  constructor(root: string, options: FileStoreOptions = {}) {
    this.root = root;
    this.name = `file://${root}`;
    this.#folders = new Folders(root);
    this.#writer = new Writer(this.#folders, this.name, {
      sync: options.sync ?? false,
      keepUnfinished: options.keepUnfinished ?? 24 * 3600_000,
    });
    this.multipart = new FileMultipart(this.name, this.#writer);
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListPage> {
    const { prefix = '', delimiter, startAfter = '', pageSize = PAGE, signal } = options;
    checkSignal(this, signal);
    await guarded(this.name, undefined, () => this.#folders.root());
    const grouped = delimiter === '/';
    let found = walk(this.#folders, { prefix, startAfter, grouped });
    if (delimiter && !grouped) found = groupBy(found, prefix, delimiter, startAfter);
    for (;;) {
      checkSignal(this, signal);
      const page = await guarded(this.name, undefined, () => nextPage(found, Math.max(1, pageSize)));
      if (page.objects.length + page.prefixes.length > 0) yield page;
      if (page.last) return;
    }
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    const found = await guarded(this.name, key, () => findFile(this.#folders, key));
    if (!found) throw notFound(this.name, key);
    return infoOf(key, found.stats);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    const opened = await guarded(this.name, key, () => openFile(this.#folders, key));
    if (!opened) throw notFound(this.name, key);
    const at = { store: this.name, key };
    try {
      const info = infoOf(key, opened.stats);
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw changed(at);
      if (options.ifNoneMatch !== undefined && options.ifNoneMatch === info.etag) {
        throw new StoreError('NOT_MODIFIED', `${key} in ${this.name} has not changed.`, at);
      }
      const range = resolveRange(options.range, info.size, at);
      const length = range ? range.end - range.start + 1 : info.size;
      const body = fileStream(opened.file, range?.start ?? 0, length, at);
      return { info, range, body: cancelable(body, this.name, options.signal) };
    } catch (error) {
      await opened.file.close();
      throw error;
    }
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    if (options.ifMatch !== undefined) throw unsupported(this, 'put only over a given etag', key);
    return repeated(body, DEFAULT_RETRY, options.signal, (source) =>
      guarded(this.name, key, async () => {
        const draft = await this.#writer.draft(key, source, options);
        return this.#place(key, draft, options);
      }),
    );
  }

  async #place(key: string, draft: Draft, options: { ifNoneMatch?: '*' }): Promise<ObjectInfo> {
    await this.#writer.place(key, draft, options);
    return infoOf(key, draft.stats);
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    if (options.ifMatch !== undefined) throw unsupported(this, 'delete only a given etag', key);
    await guarded(this.name, key, async () => {
      let places: string[];
      try {
        places = await placesOf(this.#folders, key);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return;
        throw error;
      }
      // The escaped one first, or it would come to light.
      for (const path of places.reverse())
        if (await removeFile(path)) await this.#folders.prune(dirname(path));
    });
  }

  async deleteMany(
    keys: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<DeleteFailure[]> {
    return deleteEach(this, keys, 8, options.signal);
  }

  canCopyFrom(source: Store): boolean {
    return source instanceof FileStore;
  }

  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    checkKey(this, key);
    checkSignal(this, options.signal);
    if (!(source instanceof FileStore)) throw unsupported(this, `copy from ${source.name} by itself`, key);
    const before = await source.#stat(sourceKey);
    const at = { store: source.name, key: sourceKey };
    if (options.sourceIfMatch !== undefined && options.sourceIfMatch !== before.info.etag) throw changed(at);
    return guarded(this.name, key, async () => {
      const draft = await this.#writer.copyDraft(before.path, options.modified);
      try {
        const after = await source.#stat(sourceKey);
        if (after.info.etag !== before.info.etag || draft.stats.size !== before.info.size) throw changed(at);
      } catch (error) {
        await remove(draft.path);
        throw error;
      }
      return this.#place(key, draft, options);
    });
  }

  async #stat(key: string): Promise<{ path: string; info: ObjectInfo }> {
    checkKey(this, key);
    const found = await guarded(this.name, key, () => findFile(this.#folders, key));
    if (!found) throw notFound(this.name, key);
    return { path: found.path, info: infoOf(key, found.stats) };
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }
}

function changed(at: { store: string; key: string }): StoreError {
  return new StoreError('PRECONDITION_FAILED', `${at.key} in ${at.store} is not the object it was.`, at);
}

/** @returns whether there was a file */
async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EISDIR') return false;
    if (code === 'EPERM' && (await lstat(path)).isDirectory()) return false;
    throw error;
  }
}

/** The next so many entries with their sizes and times; those that are gone by now are left out. */
async function nextPage(
  found: AsyncGenerator<Found, void, undefined>,
  size: number,
): Promise<ListPage & { last: boolean }> {
  const page = { objects: [] as ObjectInfo[], prefixes: [] as string[], last: false };
  const looks: Promise<ObjectInfo | undefined>[] = [];
  while (looks.length + page.prefixes.length < size) {
    const { value, done } = await found.next();
    if (done || !value) {
      page.last = true;
      break;
    }
    if ('prefix' in value) page.prefixes.push(value.prefix);
    else looks.push(look(value.key, value.path));
  }
  for (const info of await Promise.all(looks)) if (info) page.objects.push(info);
  return page;
}

async function look(key: string, path: string): Promise<ObjectInfo | undefined> {
  try {
    return infoOf(key, await lstat(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Shows keys that share a part up to a delimiter once. */
async function* groupBy(
  found: AsyncGenerator<Found, void, undefined>,
  prefix: string,
  delimiter: string,
  startAfter: string,
): AsyncGenerator<Found, void, undefined> {
  let last: string | undefined;
  for await (const each of found) {
    if ('prefix' in each) continue;
    const at = each.key.indexOf(delimiter, prefix.length);
    if (at < 0) {
      yield each;
      continue;
    }
    const shared = each.key.slice(0, at + delimiter.length);
    if (shared === last) continue;
    last = shared;
    if (compareKeys(shared, startAfter) > 0) yield { prefix: shared };
  }
}
