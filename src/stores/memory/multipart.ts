import { createHash, randomUUID } from 'node:crypto';
import { compareKeys } from '../../base/keys.ts';
import { checkKey, checkSignal } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { checkParts, type SentPart, uploadsAfter } from '../parts.ts';
import { readAll } from '../read.ts';
import type { Body, Multipart, ObjectInfo, ObjectProperties, PartInfo, Store, UploadInfo } from '../store.ts';
import type { MemoryStore } from './store.ts';

interface Upload {
  key: string;
  initiated: number;
  properties: ObjectProperties;
  parts: Map<number, PartInfo & { bytes: Buffer }>;
}

/** Multipart uploads of a MemoryStore, with S3's rules and S3's etags for the whole. */
export class MemoryMultipart implements Multipart {
  readonly minPartSize: number;
  readonly maxPartSize = 5 * 1024 ** 3;
  readonly maxParts = 10_000;
  readonly #store: MemoryStore;
  readonly #uploads = new Map<string, Upload>();

  constructor(store: MemoryStore, minPartSize: number) {
    this.#store = store;
    this.minPartSize = minPartSize;
  }

  async create(key: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    checkKey(this.#store, key);
    checkSignal(this.#store, options.signal);
    const id = randomUUID();
    this.#uploads.set(id, { key, initiated: Date.now(), properties: options, parts: new Map() });
    return id;
  }

  async uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options: { size?: number; md5?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const upload = this.#upload(key, uploadId);
    if (!(partNumber >= 1 && partNumber <= this.maxParts)) {
      throw this.#bad(key, `${partNumber} is no part number; they go from 1 to ${this.maxParts}.`);
    }
    const hash = createHash('md5');
    const bytes = await this.#store.collect(key, body, { ...options, hash });
    const info = { partNumber, etag: hash.digest('hex'), size: bytes.length, modified: Date.now() };
    upload.parts.set(partNumber, { ...info, bytes });
    return info;
  }

  async copyPart(
    key: string,
    uploadId: string,
    partNumber: number,
    source: Store,
    sourceKey: string,
    options: { range?: { start: number; end: number }; sourceIfMatch?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    this.#upload(key, uploadId);
    const { sourceIfMatch: ifMatch, range, signal } = options;
    const { body } = await source.get(sourceKey, { range, ifMatch, signal });
    return this.uploadPart(key, uploadId, partNumber, await readAll(body, this.maxPartSize));
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    checkSignal(this.#store, options.signal);
    const upload = this.#upload(key, uploadId);
    const sent = checkParts(this, parts, (number): SentPart | undefined => upload.parts.get(number), {
      store: this.#store.name,
      key,
    });
    const hash = createHash('md5');
    for (const part of sent) hash.update(Buffer.from(part.etag, 'hex'));
    const bytes = Buffer.concat(sent.map((part) => upload.parts.get(part.partNumber)!.bytes));
    const etag = `${hash.digest('hex')}-${sent.length}`;
    const info = this.#store.place(key, bytes, { etag }, { ...upload.properties, ...options });
    this.#uploads.delete(uploadId);
    return info;
  }

  async abort(_key: string, uploadId: string): Promise<void> {
    this.#uploads.delete(uploadId);
  }

  async listParts(key: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const { after = 0, limit = 1000 } = options;
    const all = [...this.#upload(key, uploadId).parts.values()]
      .filter((part) => part.partNumber > after)
      .sort((a, b) => a.partNumber - b.partNumber);
    const parts = all.slice(0, limit).map(({ bytes: _, ...part }) => part);
    return { parts, more: all.length > limit };
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ) {
    const { prefix = '', afterKey, afterUploadId, limit = 1000 } = options;
    const inOrder = [...this.#uploads]
      .map(([uploadId, { key, initiated }]): UploadInfo => ({ key, uploadId, initiated }))
      .filter((upload) => upload.key.startsWith(prefix))
      .sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated);
    const rest = uploadsAfter(inOrder, afterKey, afterUploadId);
    return { uploads: rest.slice(0, limit), more: rest.length > limit };
  }

  #upload(key: string, uploadId: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload?.key === key) return upload;
    throw new StoreError('NOT_FOUND', `There is no upload ${uploadId} of ${key} in ${this.#store.name}.`, {
      store: this.#store.name,
      key,
    });
  }

  #bad(key: string, message: string): StoreError {
    return new StoreError('BAD_SPEC', message, { store: this.#store.name, key });
  }
}
