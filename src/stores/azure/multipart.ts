import { createHash, randomBytes } from 'node:crypto';
import { compareKeys } from '../../base/keys.ts';
import { collected } from '../body.ts';
import { checkKey, checkSignal } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { checkParts, uploadsAfter } from '../parts.ts';
import type { Body, Multipart, ObjectInfo, ObjectProperties, PartInfo, UploadInfo } from '../store.ts';
import { stateFromText, stateToText, UPLOAD_ID, UPLOADS, type UploadState } from '../uploads.ts';
import type { AzureClient } from './client.ts';
import { infoOf, writeOptions } from './info.ts';
import { blockId } from './upload.ts';

interface Block extends PartInfo {
  id: string;
  time: number;
}

/**
 * Parts are uncommitted blocks of the blob itself, which Azure drops after a week. What an upload is of is
 * kept in the metadata of an empty blob, so that any process with its id can go on.
 */
export class AzureMultipart implements Multipart {
  readonly minPartSize = 1;
  readonly maxPartSize = 4000 * 1024 * 1024;
  readonly maxParts = 10_000;
  readonly #client: AzureClient;

  constructor(client: AzureClient) {
    this.#client = client;
  }

  async create(key: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    checkKey(this.#client, key);
    checkSignal(this.#client, options.signal);
    const { signal, ...properties } = options;
    const id = randomBytes(16).toString('hex');
    const state = stateToText({ key, initiated: Date.now(), properties });
    const blob = await this.#client.blob(UPLOADS + id);
    const metadata = { state };
    await this.#client.run({ action: 'begin an upload of', key, signal }, (abortSignal) =>
      blob.upload('', 0, { metadata, abortSignal }),
    );
    return id;
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
    await this.#state(key, uploadId);
    const { signal } = options;
    const hash = createHash('md5');
    const bytes = await collected(body, { ...options, hash }, { store: this.#client.name, key });
    const md5 = hash.digest();
    if (bytes.length === 0) throw this.#bad(key, 'A part of no bytes cannot be kept by Azure.');
    const id = blockId(Buffer.from(uploadId, 'hex'), partNumber, md5);
    const blob = await this.#client.blob(key);
    await this.#client.run({ action: 'write a part of', key, signal, sending: bytes.length }, (abortSignal) =>
      blob.stageBlock(id, bytes, bytes.length, { transactionalContentMD5: md5, abortSignal }),
    );
    return { partNumber, etag: md5.toString('hex'), size: bytes.length, modified: Date.now() };
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    const { properties } = await this.#state(key, uploadId);
    const { signal } = options;
    const blocks = new Map((await this.#blocks(key, uploadId)).map((block) => [block.partNumber, block]));
    const at = { store: this.#client.name, key };
    const named = checkParts(this, parts, (number) => blocks.get(number), at);
    const blob = await this.#client.blob(key);
    const ids = named.map((part) => blocks.get(part.partNumber)!.id);
    const written = await this.#client.run({ action: 'complete an upload of', key, signal }, (abortSignal) =>
      blob.commitBlockList(ids, {
        ...writeOptions({ ...properties, ...options }, undefined, this.#client.settings.accessTier),
        abortSignal,
      }),
    );
    await this.abort(key, uploadId);
    const size = named.reduce((sum, part) => sum + part.size, 0);
    return infoOf(key, { ...written, contentMD5: undefined, contentLength: size });
  }

  async abort(key: string, uploadId: string): Promise<void> {
    if (!UPLOAD_ID.test(uploadId)) return;
    const blob = await this.#client.blob(UPLOADS + uploadId);
    await this.#client.run({ action: 'end an upload of', key }, (abortSignal) =>
      blob.deleteIfExists({ abortSignal }),
    );
  }

  async listParts(key: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const { after = 0, limit = 1000 } = options;
    await this.#state(key, uploadId);
    const all = (await this.#blocks(key, uploadId)).filter((block) => block.partNumber > after);
    const parts = all
      .slice(0, limit)
      .map(({ partNumber, etag, size, time }): PartInfo => ({ partNumber, etag, size, modified: time }));
    return { parts, more: all.length > limit };
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ) {
    const { prefix = '', limit = 1000 } = options;
    const container = await this.#client.container();
    const all = await this.#client.run({ action: 'list uploads of' }, async (abortSignal) => {
      const uploads: UploadInfo[] = [];
      for await (const { name, metadata } of container.listBlobsFlat({
        prefix: UPLOADS,
        includeMetadata: true,
        abortSignal,
      })) {
        const state = stateFromText(metadata?.state);
        if (!state?.key.startsWith(prefix)) continue;
        uploads.push({ key: state.key, uploadId: name.slice(UPLOADS.length), initiated: state.initiated });
      }
      return uploads;
    });
    all.sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated);
    const rest = uploadsAfter(all, options.afterKey, options.afterUploadId);
    return { uploads: rest.slice(0, limit), more: rest.length > limit };
  }

  /** The blocks of an upload by number; of a part that was sent again, the last. */
  async #blocks(key: string, uploadId: string): Promise<Block[]> {
    const blob = await this.#client.blob(key);
    let list: { name: string; size: number }[] = [];
    try {
      const answer = await this.#client.run({ action: 'list the parts of', key }, (abortSignal) =>
        blob.getBlockList('uncommitted', { abortSignal }),
      );
      list = answer.uncommittedBlocks ?? [];
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'NOT_FOUND') throw error;
    }
    const blocks = new Map<number, Block>();
    for (const { name, size } of list) {
      const id = Buffer.from(name, 'base64');
      if (id.length !== 40 || id.toString('hex', 0, 16) !== uploadId) continue;
      const time = id.readUIntBE(18, 6);
      const partNumber = id.readUInt16BE(16);
      if (time < (blocks.get(partNumber)?.time ?? 0)) continue;
      blocks.set(partNumber, { id: name, partNumber, size, time, etag: id.toString('hex', 24) });
    }
    return [...blocks.values()].sort((a, b) => a.partNumber - b.partNumber);
  }

  async #state(key: string, uploadId: string): Promise<UploadState> {
    const unknown = new StoreError(
      'NOT_FOUND',
      `There is no upload ${uploadId} of ${key} in ${this.#client.name}.`,
      { store: this.#client.name, key },
    );
    if (!UPLOAD_ID.test(uploadId)) throw unknown;
    const blob = await this.#client.blob(UPLOADS + uploadId);
    let state: UploadState | undefined;
    try {
      const answer = await this.#client.run({ action: 'look at an upload of', key }, (abortSignal) =>
        blob.getProperties({ abortSignal }),
      );
      state = stateFromText(answer.metadata?.state);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NOT_FOUND') throw unknown;
      throw error;
    }
    if (state?.key !== key) throw unknown;
    return state;
  }

  #bad(key: string, message: string): StoreError {
    return new StoreError('BAD_SPEC', message, { store: this.#client.name, key });
  }
}
