import { isError } from '../base/errors.ts';
import { compareKeys } from '../base/keys.ts';
import { unsupported } from '../stores/checks.ts';
import { StoreError } from '../stores/errors.ts';
import type {
  Body,
  Multipart,
  ObjectInfo,
  ObjectProperties,
  PartInfo,
  Store,
  UploadInfo,
} from '../stores/store.ts';
import type { Place } from './copy.ts';
import type { Layout } from './layout.ts';
import { type Owner, targetKey, visibleKey } from './targets.ts';

/**
 * Uploads of a bucket made of targets. An upload's id is `<id of the target>.<the target's own id>`: any
 * process with the same configuration goes on with it, and one whose configuration now leads the key
 * elsewhere says NOT_FOUND.
 */
export class RouterMultipart implements Multipart {
  readonly minPartSize: number;
  readonly maxPartSize: number;
  readonly maxParts: number;
  readonly #layout: Layout;
  readonly #sourceOf: (store: Store, key: string) => Promise<Place>;

  /** @param sourceOf where an object of another Store really lies, when that one is a router's too */
  constructor(layout: Layout, sourceOf: (store: Store, key: string) => Promise<Place>) {
    const all = layout.stores.flatMap(({ multipart }) => multipart ?? []);
    this.minPartSize = Math.max(...all.map(({ minPartSize }) => minPartSize));
    this.maxPartSize = Math.min(...all.map(({ maxPartSize }) => maxPartSize));
    this.maxParts = Math.min(...all.map(({ maxParts }) => maxParts));
    this.#layout = layout;
    this.#sourceOf = sourceOf;
  }

  async create(key: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    const owner = await this.#layout.ownerOf(key);
    const { multipart } = owner.store;
    if (!multipart) throw unsupported(owner.store, 'take an upload in parts', key);
    if (options.tags && !owner.store.tags) throw unsupported(owner.store, 'keep tags', key);
    return `${owner.id}.${await multipart.create(targetKey(owner, key), options)}`;
  }

  async uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options: { size?: number; md5?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const { multipart, at, id } = await this.#upload(key, uploadId);
    return multipart.uploadPart(at, id, partNumber, body, options);
  }

  async copyPart(
    key: string,
    uploadId: string,
    partNumber: number,
    source: Store,
    sourceKey: string,
    options: { range?: { start: number; end: number }; sourceIfMatch?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const { multipart, at, id, owner } = await this.#upload(key, uploadId);
    const from = await this.#sourceOf(source, sourceKey);
    if (multipart.copyPart && owner.store.canCopyFrom(from.store)) {
      try {
        return await multipart.copyPart(at, id, partNumber, from.store, from.key, options);
      } catch (error) {
        // As with whole objects (copy.ts): these credentials may reach one side only.
        if (!isError(error, 'ACCESS_DENIED', 'UNSUPPORTED')) throw error;
      }
    }
    const { range, sourceIfMatch: ifMatch, signal } = options;
    const content = await from.store.get(from.key, { range, ifMatch, signal });
    const size = content.range ? content.range.end - content.range.start + 1 : content.info.size;
    return multipart.uploadPart(at, id, partNumber, content.body, { size, signal });
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    const { multipart, at, id } = await this.#upload(key, uploadId);
    return { ...(await multipart.complete(at, id, parts, options)), key };
  }

  async abort(key: string, uploadId: string): Promise<void> {
    const owner = await this.#layout.ownerOf(key);
    const id = innerId(owner, uploadId);
    // An upload of another target is not there, which is no error, as everywhere.
    if (id !== undefined) await owner.store.multipart?.abort(targetKey(owner, key), id);
  }

  async listParts(key: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const { multipart, at, id } = await this.#upload(key, uploadId);
    return multipart.listParts(at, id, options);
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ): Promise<{ uploads: UploadInfo[]; more: boolean }> {
    const { prefix = '', limit = 1000 } = options;
    const uploads: UploadInfo[] = [];
    for (const { owner } of await this.#layout.regions(prefix)) {
      if (owner?.store.multipart)
        uploads.push(...(await this.#uploadsOf(owner, { ...options, prefix, limit: limit + 1 })));
    }
    // An upload of a key is always its owner's, so the order by age within a key is the owner's own.
    uploads.sort((a, b) => compareKeys(a.key, b.key));
    return { uploads: uploads.slice(0, limit), more: uploads.length > limit };
  }

  /** The first uploads of one target that are visible, at most `limit`. */
  async #uploadsOf(
    owner: Owner,
    options: { prefix: string; afterKey?: string; afterUploadId?: string; limit: number },
  ): Promise<UploadInfo[]> {
    const prefix = options.prefix.length > owner.prefix.length ? options.prefix : owner.prefix;
    const { afterKey, afterUploadId, limit } = options;
    const inside = afterKey?.startsWith(prefix);
    if (afterKey !== undefined && !inside && compareKeys(afterKey, prefix) > 0) return [];
    let after = {
      afterKey: inside ? targetKey(owner, afterKey!) : undefined,
      afterUploadId: inside && afterUploadId !== undefined ? innerId(owner, afterUploadId) : undefined,
    };
    const found: UploadInfo[] = [];
    for (;;) {
      const page = await owner.store.multipart!.listUploads({
        prefix: targetKey(owner, prefix),
        ...after,
        limit,
      });
      for (const upload of page.uploads) {
        const key = visibleKey(owner, upload.key);
        if (key === '' || (await this.#layout.find(key))?.id !== owner.id) continue;
        found.push({ ...upload, key, uploadId: `${owner.id}.${upload.uploadId}` });
        if (found.length === limit) return found;
      }
      const last = page.uploads.at(-1);
      if (!page.more || !last) return found;
      after = { afterKey: last.key, afterUploadId: last.uploadId };
    }
  }

  async #upload(key: string, uploadId: string) {
    const owner = await this.#layout.ownerOf(key);
    const id = innerId(owner, uploadId);
    const { multipart } = owner.store;
    if (id === undefined || !multipart) {
      throw new StoreError('NOT_FOUND', `There is no upload ${uploadId} of ${key} in ${this.#layout.name}.`, {
        store: this.#layout.name,
        key,
      });
    }
    return { owner, id, at: targetKey(owner, key), multipart };
  }
}

function innerId(owner: Owner, uploadId: string): string | undefined {
  return uploadId.startsWith(`${owner.id}.`) ? uploadId.slice(owner.id.length + 1) : undefined;
}
