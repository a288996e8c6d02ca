import { isError } from '../../base/errors.ts';
import type { ObjectProperties, Store } from '../../stores/store.ts';
import { placeOf } from '../bucket.ts';
import type { Router } from '../router.ts';
import { appendTo } from './append.ts';
import {
  FileAlreadyExists,
  FileNotFound,
  InvalidPath,
  ParentNotDirectory,
  PathIsDirectory,
  PathIsNotEmptyDirectory,
  RenameFailed,
  UnsupportedOperation,
} from './errors.ts';
import { expandDirectories, matching, namePattern } from './glob.ts';
import { childrenOf, type FileStatus, fileAt, fileStatus, isDirectory, isEmpty, statusOf } from './lookup.ts';
import { directoryPrefix, joinKey, type Located, lastName, parentKey, parsePath, pathOf } from './path.ts';
import { FileReader } from './reader.ts';
import { moveDirectory, moveFile } from './rename.ts';
import { FileWriter } from './writer.ts';

export type { FileStatus } from './lookup.ts';

export interface ContentSummary {
  /** Bytes of all files below. */
  length: number;
  fileCount: number;
  /** With the directory itself. */
  directoryCount: number;
}

type StoreOf = (scheme: string, authority: string, path: string) => Promise<Store>;

const MARKER_TYPE = 'application/x-directory';

/**
 * Files and directories, as programs written for org.apache.hadoop.fs.FileSystem know them, over a Router or
 * a single Store. A directory is a common prefix of keys, or a marker object `name/` when it is empty. See
 * docs/router.md for where that differs from a real file system.
 */
export class FileSystem {
  readonly #storeOf: StoreOf;
  readonly #root: { scheme: string; authority: string };

  private constructor(storeOf: StoreOf, root: { scheme: string; authority: string }) {
    this.#storeOf = storeOf;
    this.#root = root;
  }

  /** Paths are `scheme://bucket/…` of the router's schemes. @param root where paths without a scheme lie */
  static overRouter(router: Router, root?: { scheme: string; bucket: string }): FileSystem {
    const storeOf = (scheme: string, authority: string, path: string) => {
      if (scheme === '') throw new InvalidPath(path, 'write scheme://bucket/path');
      return router.bucket(scheme, authority);
    };
    return new FileSystem(storeOf, { scheme: root?.scheme ?? '', authority: root?.bucket ?? '' });
  }

  /** Paths are `/…`, in one Store. */
  static overStore(store: Store): FileSystem {
    const storeOf = async (scheme: string, _authority: string, path: string) => {
      if (scheme !== '') throw new InvalidPath(path, `write /path: there is only ${store.name}`);
      return store;
    };
    return new FileSystem(storeOf, { scheme: '', authority: '' });
  }

  /** @throws FileNotFound; PathIsDirectory */
  async open(path: string): Promise<FileReader> {
    const at = await this.#locate(path);
    const info = await fileAt(at);
    if (info) return new FileReader(pathOf(at.root, at.key), at.store, info);
    if (await isDirectory(at)) throw new PathIsDirectory(path);
    throw new FileNotFound(path);
  }

  /**
   * Begins a file; it is there when the writer is closed. Parents need not exist.
   * @throws FileAlreadyExists: without `overwrite` (default true), at once, and again at the end where
   *   another came first and the store can tell; PathIsDirectory
   */
  async create(
    path: string,
    options: ObjectProperties & { overwrite?: boolean; signal?: AbortSignal } = {},
  ): Promise<FileWriter> {
    const { overwrite = true, ...rest } = options;
    const at = await this.#locate(path);
    if (at.key === '' || (!(await fileAt(at)) && (await isDirectory(at)))) {
      throw new PathIsDirectory(path);
    }
    if (!overwrite && (await fileAt(at))) throw new FileAlreadyExists(path);
    const ifNoneMatch = !overwrite && at.store.capabilities.putIfAbsent ? '*' : undefined;
    return new FileWriter(pathOf(at.root, at.key), async (body) => {
      try {
        return await at.store.put(at.key, body, { ...rest, ifNoneMatch });
      } catch (error) {
        if (ifNoneMatch && isError(error, 'PRECONDITION_FAILED')) throw new FileAlreadyExists(path);
        throw error;
      }
    });
  }

  /**
   * Goes on at the end of a file: it becomes the beginning of a new object, which takes its place when the
   * writer is closed.
   * @throws FileNotFound; UnsupportedOperation where the store has no multipart uploads
   */
  async append(path: string): Promise<FileWriter> {
    const at = await this.#locate(path);
    const info = await fileAt(at);
    if (!info) throw new FileNotFound(path, 'There is no file');
    const { store } = await placeOf(at.store, at.key);
    if (!store.multipart) throw new UnsupportedOperation(path, `${store.name} cannot append to an object`);
    return new FileWriter(pathOf(at.root, at.key), (body) => appendTo(at.store, info, body));
  }

  /**
   * Moves a file or a directory: copy, check, delete, also across targets. Into a directory that exists it
   * goes under its own name. Not atomic: see docs/router.md.
   * @returns false for a directory onto itself
   * @throws FileNotFound (source, or parent of the target), FileAlreadyExists, ParentNotDirectory, RenameFailed
   */
  async rename(from: string, to: string): Promise<boolean> {
    const source = await this.#locate(from);
    const asked = await this.#locate(to);
    if (source.key === '') throw new RenameFailed(from, to, 'a root directory cannot be moved');
    const isFile = (await fileAt(source)) !== undefined;
    if (!isFile && !(await isDirectory(source))) throw new FileNotFound(from);
    if (same(source, asked)) return isFile;
    const target = await this.#renameTarget(source, asked);
    if (same(source, target)) return isFile;
    if (!isFile && target.root === source.root && target.key.startsWith(`${source.key}/`)) {
      throw new RenameFailed(from, to, 'it would lie inside itself');
    }
    if (isFile) await moveFile(source, target);
    else await moveDirectory(source, target);
    await this.#keepDirectory(source, parentKey(source.key));
    return true;
  }

  /**
   * @returns false when there was nothing, and for a root directory, which stays
   * @throws PathIsNotEmptyDirectory without `recursive`
   */
  async delete(path: string, recursive = false): Promise<boolean> {
    const at = await this.#locate(path);
    if (at.key === '') return false;
    if (await fileAt(at)) {
      await at.store.delete(at.key);
    } else {
      if (!(await isDirectory(at))) return false;
      const prefix = directoryPrefix(at.key);
      if (!recursive && !(await isEmpty(at))) throw new PathIsNotEmptyDirectory(path);
      for await (const page of at.store.list({ prefix })) {
        const failures = await at.store.deleteMany(page.objects.map(({ key }) => key));
        if (failures[0]) throw failures[0].error;
      }
    }
    await this.#keepDirectory(at, parentKey(at.key));
    return true;
  }

  /** Everything directly in a directory, or the file itself. @throws FileNotFound */
  async listStatus(path: string): Promise<FileStatus[]> {
    const all: FileStatus[] = [];
    for await (const status of this.listStatusIterator(path)) all.push(status);
    return all;
  }

  /** As listStatus, with one page in memory. In key order, where a directory `a` comes as `a/`. */
  async *listStatusIterator(path: string): AsyncGenerator<FileStatus> {
    const at = await this.#locate(path);
    const file = await fileAt(at);
    if (file) {
      yield fileStatus(at, file);
      return;
    }
    let found = at.key === '';
    for await (const status of childrenOf(at)) {
      found = true;
      if (status) yield status;
    }
    if (!found) throw new FileNotFound(path);
  }

  /**
   * Makes a directory and says true; so it does when there is one.
   * @throws FileAlreadyExists: it is a file; ParentNotDirectory: something above it is
   */
  async mkdirs(path: string): Promise<boolean> {
    const at = await this.#locate(path);
    if (at.key === '') return true;
    if (await fileAt(at)) throw new FileAlreadyExists(path, 'is a file');
    if (await isDirectory(at)) return true;
    for (let key = parentKey(at.key); key !== ''; key = parentKey(key)) {
      if (await fileAt({ ...at, key })) throw new ParentNotDirectory(path, pathOf(at.root, key));
      if (await isDirectory({ ...at, key })) break;
    }
    await this.#putMarker(at, at.key);
    return true;
  }

  /** @throws FileNotFound */
  async getFileStatus(path: string): Promise<FileStatus> {
    const at = await this.#locate(path);
    const status = await statusOf(at);
    if (status) return status;
    throw new FileNotFound(path);
  }

  async exists(path: string): Promise<boolean> {
    return (await statusOf(await this.#locate(path))) !== undefined;
  }

  /**
   * What matches a pattern: `?`, `*`, `[a-z]`, `[^a-z]`, `{a,b}`, `\` before a character that is meant itself.
   * A pattern without any of them gives the path itself, if it exists.
   * @throws SluiceError BAD_SPEC for an unclosed class or brace
   */
  async *globStatus(pattern: string): AsyncGenerator<FileStatus> {
    const expanded = expandDirectories(pattern);
    const seen = expanded.length > 1 ? new Set<string>() : undefined;
    for (const each of expanded) {
      const root = /^[a-z0-9][a-z0-9+._-]*:\/\/[^/]*/i.exec(each)?.[0] ?? '';
      const at = await this.#locate(root === '' ? '/' : root);
      const names = each
        .slice(root.length)
        .split('/')
        .filter((name) => name !== '');
      for await (const status of matching(at, names.map(namePattern))) {
        if (seen?.has(status.path)) continue;
        seen?.add(status.path);
        yield status;
      }
    }
  }

  /** @throws FileNotFound */
  async getContentSummary(path: string): Promise<ContentSummary> {
    const at = await this.#locate(path);
    const file = await fileAt(at);
    if (file) return { length: file.size, fileCount: 1, directoryCount: 0 };
    const summary = { length: 0, fileCount: 0, directoryCount: 1 };
    const prefix = directoryPrefix(at.key);
    let before: string[] = [];
    let found = at.key === '';
    for await (const page of at.store.list({ prefix })) {
      for (const { key, size } of page.objects) {
        found = true;
        const names = key.slice(prefix.length).split('/');
        if (names.pop() !== '') {
          summary.fileCount++;
          summary.length += size;
        }
        let shared = 0;
        while (shared < names.length && names[shared] === before[shared]) shared++;
        summary.directoryCount += names.length - shared;
        before = names;
      }
    }
    if (!found) throw new FileNotFound(path);
    return summary;
  }

  async #locate(path: string): Promise<Located> {
    const name = parsePath(path, this.#root);
    return { ...name, store: await this.#storeOf(name.scheme, name.authority, path) };
  }

  async #renameTarget(source: Located, asked: Located): Promise<Located> {
    const path = pathOf(asked.root, asked.key);
    if (await fileAt(asked)) throw new FileAlreadyExists(path);
    if (await isDirectory(asked)) {
      const inside = { ...asked, key: joinKey(asked.key, lastName(source.key)) };
      if (!same(inside, source) && (await statusOf(inside))) {
        throw new FileAlreadyExists(pathOf(inside.root, inside.key));
      }
      return inside;
    }
    const parent = { ...asked, key: parentKey(asked.key) };
    if (await fileAt(parent)) throw new ParentNotDirectory(path, pathOf(parent.root, parent.key));
    if (!(await isDirectory(parent))) {
      throw new FileNotFound(pathOf(parent.root, parent.key), 'The target has no parent directory');
    }
    return asked;
  }

  /** A directory stays when the last in it goes away. */
  async #keepDirectory(at: Located, key: string): Promise<void> {
    if (key !== '' && !(await isDirectory({ ...at, key }))) await this.#putMarker(at, key);
  }

  async #putMarker(at: Located, key: string): Promise<void> {
    await at.store.put(`${key}/`, new Uint8Array(0), { size: 0, contentType: MARKER_TYPE });
  }
}

const same = (a: Located, b: Located): boolean => a.root === b.root && a.key === b.key;
