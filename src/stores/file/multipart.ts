import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { compareKeys } from '../../base/keys.ts';
import { checkKey, checkSignal, unsupported } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { checkParts, uploadsAfter } from '../parts.ts';
import type { Body, Multipart, ObjectInfo, PartInfo, UploadInfo } from '../store.ts';
import { codeOf, guarded } from './errors.ts';
import { infoOf } from './reading.ts';
import { remove, UPLOAD, type Writer } from './writing.ts';

interface PartFile extends PartInfo {
  path: string;
}

/**
 * Multipart uploads of a folder: each is a folder in the hidden one, `upload-<id>`, with a file that names the
 * key and one a part, called `<number>-<MD5>`. The parts are joined when the upload is completed.
 */
export class FileMultipart implements Multipart {
  readonly minPartSize = 1;
  readonly maxPartSize = 5 * 1024 ** 3;
  readonly maxParts = 10_000;
  readonly #store: { name: string };
  readonly #writer: Writer;

  constructor(name: string, writer: Writer) {
    this.#store = { name };
    this.#writer = writer;
  }

  async create(key: string, options: { signal?: AbortSignal } = {}): Promise<string> {
    checkKey(this.#store, key);
    checkSignal(this.#store, options.signal);
    return guarded(this.#store.name, key, async () => {
      const id = randomUUID();
      const folder = join(await this.#writer.temporary(), `${UPLOAD}${id}`);
      await mkdir(folder);
      await writeFile(join(folder, 'key'), key);
      return id;
    });
  }

  async uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options: { size?: number; md5?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    if (!(Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= this.maxParts)) {
      throw this.#bad(key, `${partNumber} is no part number; they go from 1 to ${this.maxParts}.`);
    }
    return guarded(this.#store.name, key, async () => {
      const folder = await this.#folder(key, uploadId);
      const hash = createHash('md5');
      const draft = await this.#writer.draft(key, body, { ...options, hash });
      const etag = hash.digest('hex');
      const path = join(folder, `${partNumber}-${etag}`);
      try {
        await rename(draft.path, path);
      } catch (error) {
        await remove(draft.path);
        throw codeOf(error) === 'ENOENT' ? this.#unknown(key, uploadId) : error;
      }
      for (const old of await this.#parts(folder)) {
        if (old.partNumber === partNumber && old.path !== path) await remove(old.path);
      }
      return { partNumber, etag, size: draft.stats.size, modified: Date.now() };
    });
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    if (options.ifMatch !== undefined) throw unsupported(this.#store, 'put only over a given etag', key);
    return guarded(this.#store.name, key, async () => {
      const folder = await this.#folder(key, uploadId);
      const there = new Map((await this.#parts(folder)).map((part) => [part.partNumber, part]));
      const at = { store: this.#store.name, key };
      const named = checkParts(this, parts, (number) => there.get(number), at);
      const files = named.map((part) => there.get(part.partNumber)!);
      const size = files.reduce((sum, part) => sum + part.size, 0);
      const draft = await this.#writer.draft(key, Readable.from(joined(files)), {
        size,
        signal: options.signal,
      });
      await this.#writer.place(key, draft, options);
      await rm(folder, { recursive: true, force: true });
      return infoOf(key, draft.stats);
    });
  }

  async abort(_key: string, uploadId: string): Promise<void> {
    await guarded(this.#store.name, undefined, async () => {
      const folder = await this.#path(uploadId);
      if (folder) await rm(folder, { recursive: true, force: true });
    });
  }

  async listParts(key: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const { after = 0, limit = 1000 } = options;
    return guarded(this.#store.name, key, async () => {
      const all = (await this.#parts(await this.#folder(key, uploadId))).filter(
        (part) => part.partNumber > after,
      );
      const parts = all.slice(0, limit).map(({ path: _, ...part }): PartInfo => part);
      return { parts, more: all.length > limit };
    });
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ) {
    const { prefix = '', limit = 1000 } = options;
    return guarded(this.#store.name, undefined, async () => {
      const all: UploadInfo[] = [];
      for (const name of await readdir(await this.#writer.temporary())) {
        if (!name.startsWith(UPLOAD)) continue;
        const uploadId = name.slice(UPLOAD.length);
        const upload = await this.#upload(uploadId);
        if (upload?.key.startsWith(prefix)) all.push({ uploadId, ...upload });
      }
      all.sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated);
      const rest = uploadsAfter(all, options.afterKey, options.afterUploadId);
      return { uploads: rest.slice(0, limit), more: rest.length > limit };
    });
  }

  /** An upload's folder; undefined for an id that cannot be one. */
  async #path(uploadId: string): Promise<string | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(uploadId)) return undefined;
    return join(await this.#writer.temporary(), `${UPLOAD}${uploadId}`);
  }

  async #upload(uploadId: string): Promise<{ key: string; initiated: number } | undefined> {
    const folder = await this.#path(uploadId);
    if (!folder) return undefined;
    try {
      const path = join(folder, 'key');
      return { key: await readFile(path, 'utf8'), initiated: (await stat(path)).mtimeMs };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #folder(key: string, uploadId: string): Promise<string> {
    const upload = await this.#upload(uploadId);
    if (upload?.key !== key) throw this.#unknown(key, uploadId);
    return (await this.#path(uploadId))!;
  }

  async #parts(folder: string): Promise<PartFile[]> {
    const parts: PartFile[] = [];
    for (const name of await readdir(folder)) {
      const match = /^(\d+)-([0-9a-f]{32})$/.exec(name);
      if (!match) continue;
      const path = join(folder, name);
      const { size, mtimeMs } = await stat(path);
      parts.push({ partNumber: Number(match[1]), etag: match[2]!, size, modified: mtimeMs, path });
    }
    return parts.sort((a, b) => a.partNumber - b.partNumber);
  }

  #unknown(key: string, uploadId: string): StoreError {
    return new StoreError('NOT_FOUND', `There is no upload ${uploadId} of ${key} in ${this.#store.name}.`, {
      store: this.#store.name,
      key,
    });
  }

  #bad(key: string, message: string): StoreError {
    return new StoreError('BAD_SPEC', message, { store: this.#store.name, key });
  }
}

async function* joined(files: readonly PartFile[]): AsyncGenerator<Buffer> {
  for (const file of files) yield* createReadStream(file.path, { highWaterMark: 256 * 1024 });
}
