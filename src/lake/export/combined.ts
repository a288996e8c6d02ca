import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { ReadBytes } from './mover.ts';
import type { Routes } from './routes.ts';
import { md5Of } from './sameness.ts';

/**
 * lakeFS's S3 gateway keeps of an object that came in parts the object store's combined tag without its `-<parts>`:
 * the MD5 of the parts' MD5s. In the lake it looks like the content's MD5, and is none.
 */
const MiB = 1024 * 1024;
/** Bytes of a part, as the usual clients have them when nobody sets it: rclone, boto3, AWS CLI, DuckDB, delta-rs, S3A … */
const PART_SIZES = [5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 256, 512].map((size) => size * MiB);

/** What an entry can be asked about by. */
export interface Asking {
  routes: Routes;
  read: ReadBytes;
  /** The object store's own tag, by presigned address. */
  presignedTag?(entry: LakeEntry, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Whether an entry's checksum, which looks like an MD5 and is not that of its bytes, is of parts: by the object
 * store's tag where that can be seen, else by the bytes.
 */
export async function isOfParts(entry: LakeEntry, asking: Asking, signal: AbortSignal): Promise<boolean> {
  const { routes, read, presignedTag } = asking;
  for (const route of await routes.routesFor(entry)) {
    try {
      if (route === 'lakefs') return await isOfUsualParts(entry, await read(entry, route, undefined, signal));
      const tag =
        route === 'presign' ? await presignedTag?.(entry, signal) : await storedTag(entry, routes, signal);
      if (tag !== undefined) return isCombinedTag(entry, tag);
    } catch (error) {
      if (isError(error, 'CANCELED') || signal.aborted) throw error;
      // The next way may tell.
    }
  }
  return false;
}

async function storedTag(entry: LakeEntry, routes: Routes, signal: AbortSignal): Promise<string | undefined> {
  const { store, path } = await routes.open(entry);
  return (await store.head(path, { signal })).etag;
}

/** Whether the object store's tag says that an entry's checksum is of parts. */
function isCombinedTag(entry: LakeEntry, tag: string): boolean {
  return new RegExp(`^${entry.checksum}-[0-9]+$`).test(tag);
}

/**
 * Whether an entry's checksum is that of these bytes as they come in parts of a usual size. A yes is as good as an
 * equal MD5; a no says little.
 */
export async function isOfUsualParts(entry: LakeEntry, body: Readable): Promise<boolean> {
  const checksum = md5Of(entry);
  // One part of all, and the sizes that make more of them.
  const sizes = [Number.POSITIVE_INFINITY, ...PART_SIZES.filter((size) => size < entry.size)];
  const tags = sizes.map((size) => new CombinedTag(size));
  for await (const chunk of body as AsyncIterable<Buffer>) for (const tag of tags) tag.update(chunk);
  return tags.some((tag) => tag.digest() === checksum);
}

class CombinedTag {
  readonly #partSize: number;
  readonly #all = createHash('md5');
  #part = createHash('md5');
  #left: number;

  constructor(partSize: number) {
    this.#partSize = partSize;
    this.#left = partSize;
  }

  update(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) this.#next();
      const end = Math.min(chunk.length, at + this.#left);
      this.#part.update(chunk.subarray(at, end));
      this.#left -= end - at;
      at = end;
    }
  }

  digest(): string {
    this.#next();
    return this.#all.digest('hex');
  }

  #next(): void {
    this.#all.update(this.#part.digest());
    this.#part = createHash('md5');
    this.#left = this.#partSize;
  }
}
