import { isError } from '../../../base/errors.ts';
import { checkKey, checkSignal, unsupported } from '../../../stores/checks.ts';
import { StoreError } from '../../../stores/errors.ts';
import { combinedTag } from '../../../stores/parts.ts';
import { propertiesOf } from '../../../stores/properties.ts';
import type {
  Body,
  Multipart,
  ObjectInfo,
  ObjectProperties,
  PartInfo,
  Store,
} from '../../../stores/store.ts';
import { infoOf } from '../info.ts';
import type { Reach, Way } from '../ways.ts';
import { DirectParts } from './direct.ts';
import { PresignedParts } from './presigned.ts';
import { PartsThroughLakefs } from './through.ts';
import { openUpload, sealUpload } from './upload-id.ts';
import type { SendOptions, Upload, UploadWay } from './way.ts';

/** How the objects of another Store are called where they are in the same repository of the same lakeFS. */
export type SourceOf = (store: Store) => { ref: string } | undefined;

/**
 * Uploads in parts to a branch. The bytes go as those of a put do: straight into the object store where lakeFS
 * presigns parts or a connection of our own opens the bucket, else through lakeFS's S3 gateway.
 */
export class LakeMultipart implements Multipart {
  readonly minPartSize = 5 * 1024 * 1024;
  readonly maxPartSize = 5 * 1024 ** 3;
  readonly maxParts = 10_000;
  readonly #reach: Reach;
  readonly #wayOf: () => Promise<Way>;
  readonly #openGateway: (() => Promise<Store>) | undefined;
  readonly #sourceOf: SourceOf;
  #gateway: Promise<Store> | undefined;

  /**
   * @param wayOf how bytes go, now
   * @param openGateway opens the repository as a bucket of lakeFS's S3 gateway
   */
  constructor(
    reach: Reach,
    wayOf: () => Promise<Way>,
    openGateway: (() => Promise<Store>) | undefined,
    sourceOf: SourceOf,
  ) {
    this.#reach = reach;
    this.#wayOf = wayOf;
    this.#openGateway = openGateway;
    this.#sourceOf = sourceOf;
  }

  async create(path: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    checkKey(this.#reach, path);
    checkSignal(this.#reach, options.signal);
    const properties = propertiesOf(options);
    const begin = async (way: Way): Promise<string> => {
      const begun = await (await this.#by(way, path)).begin(path, properties, options.signal);
      // What the gateway was told at the beginning need not be told at the end.
      return sealUpload({ way, ...begun, properties: way === 'api' ? {} : properties });
    };
    const way = await this.#wayOf();
    if (way !== 'presign' || this.#reach.via !== 'auto') return begin(way);
    const config = await this.#reach.client.storageConfig();
    return begin(config.pre_sign_multipart_upload ? 'presign' : 'api');
  }

  async uploadPart(
    path: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options: SendOptions = {},
  ): Promise<PartInfo> {
    checkSignal(this.#reach, options.signal);
    const upload = this.#upload(path, uploadId);
    const way = await this.#by(upload.way, path);
    return way.send(upload, partNumber, body, options);
  }

  /** lakeFS copies what lies in its namespace; the bytes of imported objects, and of others, pass through here. */
  async copyPart(
    path: string,
    uploadId: string,
    partNumber: number,
    source: Store,
    sourcePath: string,
    options: { range?: { start: number; end: number }; sourceIfMatch?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const { range, sourceIfMatch, signal } = options;
    const upload = this.#upload(path, uploadId);
    const way = await this.#by(upload.way, path);
    const inside = this.#sourceOf(source);
    const info = await source.head(sourcePath, { signal });
    if (sourceIfMatch !== undefined && sourceIfMatch !== info.etag) {
      throw new StoreError(
        'PRECONDITION_FAILED',
        `${sourcePath} in ${source.name} is not the object it was.`,
        {
          store: source.name,
          key: sourcePath,
        },
      );
    }
    const size = range ? range.end - range.start + 1 : info.size;
    if (inside && way.copy) {
      try {
        const from = { ...inside, path: sourcePath, etag: info.etag!, ...(range && { range }) };
        return { partNumber, etag: await way.copy(upload, partNumber, from, signal), size };
      } catch (error) {
        if (isError(error, 'CANCELED')) throw error;
      }
    }
    const open = async () => {
      const asked = { ...(range && { range }), ...(info.etag !== undefined && { ifMatch: info.etag }) };
      return (await source.get(sourcePath, { ...asked, signal })).body;
    };
    return way.send(upload, partNumber, open, { size, signal });
  }

  async complete(
    path: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    const { ifNoneMatch, ifMatch, signal } = options;
    const { name, client, repository, ref } = this.#reach;
    checkSignal(this.#reach, signal);
    if (ifMatch !== undefined) throw unsupported(this.#reach, 'check an etag while it writes', path);
    const at = { store: name, key: path };
    if (parts.length === 0)
      throw new StoreError('BAD_SPEC', `${path} cannot be put together: no part is named.`, at);
    if (parts.some((part, index) => index > 0 && part.partNumber <= parts[index - 1]!.partNumber)) {
      throw new StoreError('BAD_SPEC', `${path} cannot be put together: its parts are out of order.`, at);
    }
    const upload = this.#upload(path, uploadId);
    try {
      const way = await this.#by(upload.way, path);
      return infoOf(await way.finish(upload, parts, { ...(ifNoneMatch && { ifNoneMatch }), signal }));
    } catch (error) {
      // An attempt whose answer was lost may have done it; then the upload is gone.
      if (!isError(error, 'NOT_FOUND')) throw error;
      const there = await client.stat(repository, ref, path, { signal }).catch(() => undefined);
      if (there?.checksum !== combinedTag(parts)) throw error;
      return infoOf(there);
    }
  }

  async abort(path: string, uploadId: string): Promise<void> {
    const upload = this.#upload(path, uploadId);
    try {
      await (await this.#by(upload.way, path)).abort(upload);
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
    }
  }

  async listParts(path: string, uploadId: string, options: { after?: number; limit?: number } = {}) {
    const upload = this.#upload(path, uploadId);
    const way = await this.#by(upload.way, path);
    if (!way.parts) throw unsupported(this.#reach, 'list the parts of an upload', path);
    return way.parts(upload, options);
  }

  /** None: lakeFS lists no uploads. */
  async listUploads(): Promise<{ uploads: []; more: false }> {
    return { uploads: [], more: false };
  }

  async close(): Promise<void> {
    await (await this.#gateway)?.close();
  }

  #upload(path: string, uploadId: string): Upload {
    checkKey(this.#reach, path);
    return { ...openUpload(uploadId, { store: this.#reach.name, key: path }), path };
  }

  async #by(way: Way, path: string): Promise<UploadWay> {
    if (way === 'presign') return new PresignedParts(this.#reach);
    if (way === 'store') return new DirectParts(this.#reach, this.#reach.open!);
    if (!this.#openGateway) throw unsupported(this.#reach, 'take an upload in parts', path);
    this.#gateway ??= this.#openGateway();
    return new PartsThroughLakefs(this.#reach, await this.#gateway);
  }
}
