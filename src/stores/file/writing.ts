import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  lstat,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from '../../base/folders.ts';
import { type BodyChecks, checkedChunks, collected } from '../body.ts';
import { StoreError } from '../errors.ts';
import type { Body } from '../store.ts';
import { codeOf } from './errors.ts';
import type { Folders } from './folders.ts';
import { namesOf, TEMPORARY } from './names.ts';
import { findFile } from './reading.ts';

/** What the folder of an upload in parts begins with, in the hidden folder. */
export const UPLOAD = 'upload-';
/** Clients of the gateway may take their time: uploads are kept so many times as long as files. */
const UPLOADS_KEPT = 7;

export interface WriteOptions extends BodyChecks {
  modified?: number;
}

/** A complete file that no key shows yet. */
export interface Draft {
  path: string;
  stats: Stats;
}

/**
 * Writes files beside the objects, in the hidden folder of the root, and moves them to their place when they
 * are complete: a reader sees the old object or the new one, whenever this process dies.
 */
export class Writer {
  readonly #folders: Folders;
  readonly #name: string;
  readonly #sync: boolean;
  readonly #keepUnfinished: number;
  #temporary: Promise<string> | undefined;

  constructor(folders: Folders, name: string, options: { sync: boolean; keepUnfinished: number }) {
    this.#folders = folders;
    this.#name = name;
    this.#sync = options.sync;
    this.#keepUnfinished = options.keepUnfinished;
  }

  /** The hidden folder, made when it is not there. */
  async temporary(): Promise<string> {
    this.#temporary ??= this.#makeTemporary();
    return this.#temporary.catch((error) => {
      this.#temporary = undefined;
      throw error;
    });
  }

  async #makeTemporary(): Promise<string> {
    const path = join(await this.#folders.makeRoot(), TEMPORARY);
    makeFolders(path);
    for (const name of await readdir(path)) {
      const left = join(path, name);
      const stats = await lstat(left).catch(() => undefined);
      // The time of the last change of any kind: that of the content may have been set to the source's. An
      // upload's folder changes with every part.
      const age = Date.now() - (stats?.ctimeMs ?? Number.POSITIVE_INFINITY);
      if (stats?.isFile() && age > this.#keepUnfinished) await remove(left);
      else if (name.startsWith(UPLOAD) && age > UPLOADS_KEPT * this.#keepUnfinished)
        await rm(left, { recursive: true, force: true });
    }
    return path;
  }

  /** Writes a body. Nothing is left of one that fails. */
  async draft(key: string, body: Body, options: WriteOptions): Promise<Draft> {
    const at = { store: this.#name, key };
    const bytes = body instanceof Uint8Array ? await collected(body, options, at) : undefined;
    return this.#make(options.modified, async (file) => {
      if (bytes) await file.writeFile(bytes);
      else for await (const chunk of checkedChunks(body, options, at)) await file.writeFile(chunk);
    });
  }

  /** Copies a file, as a clone that shares its blocks where the file system can. */
  async copyDraft(source: string, modified: number | undefined): Promise<Draft> {
    return this.#make(modified, (_file, path) => copyFile(source, path, constants.COPYFILE_FICLONE));
  }

  async #make(
    modified: number | undefined,
    write: (file: FileHandle, path: string) => Promise<void>,
  ): Promise<Draft> {
    const { file, path } = await this.#create();
    try {
      try {
        await write(file, path);
        if (modified !== undefined) await file.utimes(modified / 1000, modified / 1000);
        if (this.#sync) await file.sync();
        return { path, stats: await file.stat() };
      } finally {
        await file.close();
      }
    } catch (error) {
      await remove(path).catch(() => undefined);
      throw error;
    }
  }

  async #create(): Promise<{ file: FileHandle; path: string }> {
    for (let attempt = 1; ; attempt++) {
      const path = join(await this.temporary(), randomUUID());
      try {
        return { path, file: await open(path, 'wx', 0o666) };
      } catch (error) {
        // Another process has closed its store and took the empty folder away.
        if (codeOf(error) !== 'ENOENT' || attempt >= 10) throw error;
        this.#temporary = undefined;
      }
    }
  }

  /** Makes a draft the object of a key. The draft is gone afterwards, whatever happens. */
  async place(key: string, draft: Draft, options: { ifNoneMatch?: '*' }): Promise<void> {
    try {
      await this.#place(key, draft.path, options.ifNoneMatch !== undefined);
    } catch (error) {
      await remove(draft.path).catch(() => undefined);
      throw error;
    }
  }

  async #place(key: string, from: string, onlyNew: boolean): Promise<void> {
    const names = namesOf(key);
    const { folders } = names;
    const escaped = names.escaped.split('/');
    const last = escaped.pop()!;
    for (let attempt = 1; ; attempt++) {
      try {
        let folder = await this.#folders.make(folders);
        if (onlyNew && (await findFile(this.#folders, key))) throw this.#exists(key);
        if (names.plain === undefined || !(await this.#move(key, from, join(folder, names.plain), onlyNew))) {
          folder = await this.#folders.make([...folders, ...escaped]);
          await this.#move(key, from, join(folder, last), onlyNew);
        }
        if (this.#sync) await syncFolder(folder);
        return;
      } catch (error) {
        // Its folder was removed as empty, or made way for a file, since it was made here.
        if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error)) || attempt >= 100) throw error;
        await this.#folders.forget([...folders, ...escaped]);
      }
    }
  }

  /** @returns false when a folder has this name */
  async #move(key: string, from: string, to: string, onlyNew: boolean): Promise<boolean> {
    try {
      if (!onlyNew) {
        await rename(from, to);
        return true;
      }
      await link(from, to);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EISDIR' || code === 'ENOTEMPTY') return false;
      if (code !== 'EEXIST') throw error;
      if ((await lstat(to)).isDirectory()) return false;
      throw this.#exists(key);
    }
    await remove(from);
    return true;
  }

  #exists(key: string): StoreError {
    return new StoreError('PRECONDITION_FAILED', `${key} is already there in ${this.#name}.`, {
      store: this.#name,
      key,
    });
  }

  /** Leaves no empty hidden folder behind. */
  async close(): Promise<void> {
    const path = await this.#temporary?.catch(() => undefined);
    if (path === undefined) return;
    this.#temporary = undefined;
    await rmdir(path).catch(() => undefined);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a file that may not be there. */
export async function remove(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}
