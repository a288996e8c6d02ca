import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { StoreError } from '../errors.ts';
import type { ObjectInfo } from '../store.ts';
import { codeOf, fileError } from './errors.ts';
import type { Folders } from './folders.ts';
import { namesOf } from './names.ts';

const CHUNK = 256 * 1024;
/** A pipe in the folder must not make opening it wait for a writer. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file's identity changes with every put: the number of its inode, its size, and its time. */
export function infoOf(key: string, stats: Stats): ObjectInfo {
  const etag = [stats.ino, stats.size, Math.round(stats.mtimeMs * 1000)].map((n) => n.toString(36)).join('-');
  return { key, size: stats.size, etag, modified: Math.round(stats.mtimeMs) };
}

/** Where an object may lie, in the order to look. @throws ENOENT, ELOOP for its folder */
export async function placesOf(folders: Folders, key: string): Promise<string[]> {
  const names = namesOf(key);
  const folder = await folders.find(names.folders);
  return (names.plain === undefined ? [names.escaped] : [names.plain, names.escaped]).map((name) =>
    join(folder, name),
  );
}

/** The file of an object; undefined when there is none. */
export async function findFile(
  folders: Folders,
  key: string,
): Promise<{ path: string; stats: Stats } | undefined> {
  return first(folders, key, async (path) => {
    const stats = await lstat(path);
    return stats.isFile() ? { path, stats } : undefined;
  });
}

/** Opens the file of an object; undefined when there is none. */
export async function openFile(
  folders: Folders,
  key: string,
): Promise<{ file: FileHandle; stats: Stats } | undefined> {
  return first(folders, key, async (path) => {
    const file = await open(path, FLAGS);
    const stats = await file.stat();
    if (stats.isFile()) return { file, stats };
    await file.close();
    return undefined;
  });
}

async function first<T>(
  folders: Folders,
  key: string,
  look: (path: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    for (const path of await placesOf(folders, key)) {
      try {
        const found = await look(path);
        if (found !== undefined) return found;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
  }
  return undefined;
}

/** The bytes from `start` on; fails with CORRUPT when the file ends before `length` of them came. */
export function fileStream(
  file: FileHandle,
  start: number,
  length: number,
  at: { store: string; key: string },
): Readable {
  let position = start;
  let left = length;
  const next = async (): Promise<Buffer | null> => {
    if (left === 0) return null;
    const { bytesRead, buffer } = await file.read(
      Buffer.allocUnsafe(Math.min(CHUNK, left)),
      0,
      Math.min(CHUNK, left),
      position,
    );
    if (bytesRead === 0) {
      throw new StoreError(
        'CORRUPT',
        `${at.key} in ${at.store} ended ${left} bytes early; it was changed while it was read.`,
        at,
      );
    }
    position += bytesRead;
    left -= bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      next().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(fileError(error, at.store, at.key) as Error),
      );
    },
    destroy(error, done) {
      file.close().then(
        () => done(error),
        (closing) => done(error ?? closing),
      );
    },
  });
}
