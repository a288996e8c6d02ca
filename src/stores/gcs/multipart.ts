import { randomBytes } from 'node:crypto';
import { compareKeys } from '../../base/keys.ts';
import { checkKey, checkSignal } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { checkParts, uploadsAfter } from '../parts.ts';
import type {
  Body,
  Multipart,
  ObjectInfo,
  ObjectProperties,
  PartInfo,
  PutOptions,
  UploadInfo,
} from '../store.ts';
import { stateFromText, stateToText, UPLOAD_ID, UPLOADS, type UploadState } from '../uploads.ts';
import type { GcsClient } from './client.ts';
import { type GcsObject, infoOf, OBJECT_FIELDS, resourceOf } from './info.ts';
import { listObjects } from './list.ts';
import { conditionOf, upload } from './upload.ts';

/** Most objects that one request joins ("Composite objects"). */
const JOINED = 32;

/**
 * Parts are objects of their own under `.sluice-uploads/<id>/`, joined by "compose" when the upload is
 * completed: the result has a CRC32C and no MD5. An upload that nobody ends keeps its parts; a lifecycle rule
 * on that prefix removes them.
 */
export class GcsMultipart implements Multipart {
  readonly minPartSize = 1;
  readonly maxPartSize = 5 * 1024 ** 4;
  readonly maxParts = 10_000;
  readonly #client: GcsClient;

  constructor(client: GcsClient) {
    this.#client = client;
  }

  async create(key: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    checkKey(this.#client, key);
    checkSignal(this.#client, options.signal);
    const { signal, ...properties } = options;
    const id = randomBytes(16).toString('hex');
    const state = stateToText({ key, initiated: Date.now(), properties });
    await upload(this.#client, UPLOADS + id, new Uint8Array(0), { metadata: { state }, signal });
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
      throw new StoreError(
        'BAD_SPEC',
        `${partNumber} is no part number; they go from 1 to ${this.maxParts}.`,
        {
          store: this.#client.name,
          key,
        },
      );
    }
    await this.#state(key, uploadId);
    return partOf(await upload(this.#client, partKey(uploadId, partNumber), body, options));
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    const { properties } = await this.#state(key, uploadId);
    const there = new Map((await this.#parts(uploadId)).map((part) => [part.partNumber, part]));
    const at = { store: this.#client.name, key };
    const named = checkParts(this, parts, (number) => there.get(number), at);
    let names = named.map((part) => partKey(uploadId, part.partNumber));
    for (let level = 1; names.length > JOINED; level++) {
      const joined: string[] = [];
      for (let i = 0; i < names.length; i += JOINED) {
        const to = `${UPLOADS}${uploadId}/joined-${level}-${i}`;
        await this.#compose(to, names.slice(i, i + JOINED), { signal: options.signal });
        joined.push(to);
      }
      names = joined;
    }
    const info = await this.#compose(key, names, { ...properties, ...options });
    await this.abort(key, uploadId);
    return info;
  }

  async #compose(to: string, names: string[], options: PutOptions): Promise<ObjectInfo> {
    const query = new URLSearchParams({ fields: OBJECT_FIELDS, ...conditionOf(options) });
    const object = await this.#client.json<GcsObject>({
      store: this.#client.name,
      action: 'complete an upload of',
      key: to,
      signal: options.signal,
      method: 'POST',
      path: `${this.#client.object(to)}/compose?${query}`,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({
        sourceObjects: names.map((name) => ({ name })),
        destination: {
          contentType: 'application/octet-stream',
          ...resourceOf(options, this.#client.settings.storageClass),
        },
      }),
    });
    return infoOf({ ...object, name: to });
  }

  async abort(_key: string, uploadId: string): Promise<void> {
    if (!UPLOAD_ID.test(uploadId)) return;
    // What it is of first: without that it is no upload any more.
    for await (const { objects } of this.#list(UPLOADS + uploadId)) {
      for (const { key } of objects) {
        await this.#client.send({
          store: this.#client.name,
          action: 'end an upload of',
          key,
          method: 'DELETE',
          path: this.#client.object(key),
          accept: [404],
        });
      }
    }
  }

  async listParts(key: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const { after = 0, limit = 1000 } = options;
    await this.#state(key, uploadId);
    const all = (await this.#parts(uploadId)).filter((part) => part.partNumber > after);
    return { parts: all.slice(0, limit), more: all.length > limit };
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ) {
    const { prefix = '', limit = 1000 } = options;
    const all: UploadInfo[] = [];
    for await (const { objects } of this.#list(UPLOADS, '/')) {
      for (const object of objects) {
        const state = stateFromText(object.metadata?.state);
        if (!state?.key.startsWith(prefix)) continue;
        const uploadId = object.key.slice(UPLOADS.length);
        all.push({ key: state.key, uploadId, initiated: state.initiated });
      }
    }
    all.sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated);
    const rest = uploadsAfter(all, options.afterKey, options.afterUploadId);
    return { uploads: rest.slice(0, limit), more: rest.length > limit };
  }

  #list(prefix: string, delimiter?: string) {
    return listObjects(this.#client, { prefix, delimiter }, () => true);
  }

  async #parts(uploadId: string): Promise<PartInfo[]> {
    const parts: PartInfo[] = [];
    for await (const { objects } of this.#list(`${UPLOADS}${uploadId}/`)) {
      for (const object of objects) if (/\/\d{5}$/.test(object.key)) parts.push(partOf(object));
    }
    return parts;
  }

  async #state(key: string, uploadId: string): Promise<UploadState> {
    const at = { store: this.#client.name, key };
    const unknown = new StoreError(
      'NOT_FOUND',
      `There is no upload ${uploadId} of ${key} in ${at.store}.`,
      at,
    );
    if (!UPLOAD_ID.test(uploadId)) throw unknown;
    const { status, body } = await this.#client.send({
      ...at,
      action: 'look at an upload of',
      method: 'GET',
      path: `${this.#client.object(UPLOADS + uploadId)}?fields=${OBJECT_FIELDS}`,
      accept: [404],
    });
    if (status === 404) throw unknown;
    const object = JSON.parse(body.toString()) as GcsObject;
    const state = stateFromText(object.metadata?.state);
    if (state?.key !== key) throw unknown;
    return state;
  }
}

const partKey = (uploadId: string, partNumber: number): string =>
  `${UPLOADS}${uploadId}/${String(partNumber).padStart(5, '0')}`;

function partOf({ key, size, md5, etag, modified }: ObjectInfo): PartInfo {
  return { partNumber: Number(key.slice(-5)), size, etag: md5 ?? etag!, modified };
}
