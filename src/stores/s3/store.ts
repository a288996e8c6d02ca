import { Limiter } from '../../base/limiter.ts';
import { bodySize } from '../body.ts';
import { checkKey, unsupported } from '../checks.ts';
import { StoreError } from '../errors.ts';
import type {
  Body,
  Capabilities,
  CopyOptions,
  DeleteFailure,
  DeleteOptions,
  GetOptions,
  HeadOptions,
  ListOptions,
  ListPage,
  Multipart,
  ObjectContent,
  ObjectInfo,
  ObjectTags,
  PresignOptions,
  PutOptions,
  Store,
} from '../store.ts';
import { isAws } from './address.ts';
import { S3Client } from './client.ts';
import { copyObject } from './copy.ts';
import { DELETE_BATCH, deleteObject, deleteObjects } from './delete.ts';
import { brokenAnswer, header } from './errors.ts';
import { getObject } from './get.ts';
import { infoFromHeaders } from './headers.ts';
import { listObjects } from './list.ts';
import { S3Multipart } from './multipart.ts';
import { putWhole } from './put.ts';
import type { S3Settings } from './settings.ts';
import { S3Tags } from './tags.ts';
import { putParts } from './upload.ts';

/** The longest time that an address with a signature in it can work: a week, in seconds. */
const LONGEST_PRESIGN = 7 * 24 * 3600;

/** One bucket of S3, or of anything that speaks its protocol. */
export class S3Store implements Store {
  readonly kind = 's3';
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly multipart: Multipart;
  readonly tags: ObjectTags;
  readonly #client: S3Client;
  readonly #limiter: Limiter;
  /** Whether the ETags of a listing can be MD5s: they do not say how an object is encrypted. */
  #listsMd5: Promise<boolean> | undefined;

  constructor(settings: S3Settings, bucket: string) {
    // Directory buckets have ETags of their own making.
    const etagIsMd5 = settings.etagIsMd5 && !bucket.endsWith('--x-s3');
    this.#client = new S3Client({ ...settings, etagIsMd5 }, bucket);
    this.#limiter = new Limiter(settings.partConcurrency);
    this.name = this.#client.name;
    this.multipart = new S3Multipart(this.#client, (source) => this.#source(source).#client.bucket);
    this.tags = new S3Tags(this.#client);
    this.capabilities = {
      putIfAbsent: settings.conditionalPut,
      putIfMatch: settings.conditionalPut,
      // Few besides AWS look at If-Match on a delete.
      deleteIfMatch: isAws(settings),
      presign: true,
      multipart: true,
      properties: true,
      readOnly: false,
      deleteBatch: DELETE_BATCH,
    };
  }

  list(options: ListOptions = {}): AsyncIterable<ListPage> {
    return listObjects(this.#client, options, (tagged) => this.#trustsTags(tagged));
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    const request = { store: this.name, action: 'look at', key, signal: options.signal };
    const { headers } = await this.#client.send({
      ...request,
      method: 'HEAD',
      headers: ['x-amz-checksum-mode', 'ENABLED'],
    });
    const size = header(headers, 'content-length');
    if (size === undefined) throw brokenAnswer(request, 'the object has no size', headers);
    return infoFromHeaders(this.#client.settings, key, Number(size), headers);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    checkKey(this, key);
    return getObject(this.#client, key, options);
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    const conditional = options.ifNoneMatch !== undefined || options.ifMatch !== undefined;
    if (conditional && !this.capabilities.putIfAbsent) {
      throw unsupported(this, 'put under a condition (conditional_put: false)', key);
    }
    const size = bodySize(body, options.size);
    if (size !== undefined && size <= this.#client.settings.multipartThreshold) {
      return this.#learn(await putWhole(this.#client, key, body, options));
    }
    return putParts(this.#client, this.multipart, this.#limiter, key, body, options);
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    checkKey(this, key);
    if (options.ifMatch !== undefined && !this.capabilities.deleteIfMatch) {
      throw unsupported(this, 'delete only a given etag', key);
    }
    await deleteObject(this.#client, key, options);
  }

  async deleteMany(
    keys: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<DeleteFailure[]> {
    const refused: DeleteFailure[] = [];
    const sound = keys.filter((key) => {
      try {
        checkKey(this, key);
        return true;
      } catch (error) {
        refused.push({ key, error: error as StoreError });
        return false;
      }
    });
    return refused.concat(await deleteObjects(this.#client, sound, options.signal));
  }

  canCopyFrom(source: Store): boolean {
    return (
      source instanceof S3Store &&
      source.#client.endpoint === this.#client.endpoint &&
      source.#client.credentials.identity === this.#client.credentials.identity
    );
  }

  /** Copies get the storage class that is asked for, or the connection's; S3 does not take over the source's. */
  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    checkKey(this, key);
    const { bucket } = this.#source(source).#client;
    const from = { store: source, bucket, key: sourceKey };
    return this.#learn(await copyObject(this.#client, this.multipart, from, key, options));
  }

  async presign(key: string, options: PresignOptions): Promise<string> {
    checkKey(this, key);
    const { expires } = options;
    if (!Number.isInteger(expires) || expires < 1 || expires > LONGEST_PRESIGN) {
      throw new StoreError(
        'BAD_SPEC',
        `An address for ${key} can work for 1 to ${LONGEST_PRESIGN} seconds, not ${expires}.`,
        { store: this.name, key },
      );
    }
    return this.#client.presign(options.method, key, expires);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #source(source: Store): S3Store {
    if (source instanceof S3Store && this.canCopyFrom(source)) return source;
    throw unsupported(this, `copy from ${source.name} without bytes passing through`);
  }

  /** One look at one object tells for a bucket; writers of other objects may differ, but seldom do. */
  #trustsTags(tagged: ObjectInfo): Promise<boolean> {
    if (!this.#client.settings.etagIsMd5 || this.#client.settings.sse?.algorithm.includes('kms')) {
      return Promise.resolve(false);
    }
    this.#listsMd5 ??= this.head(tagged.key).then(
      (info) => info.md5 !== undefined || info.etag !== tagged.etag,
      () => true,
    );
    return this.#listsMd5;
  }

  /** An answer to a write says what a listing does not: that this ETag is no MD5. */
  #learn(info: ObjectInfo): ObjectInfo {
    if (info.md5 === undefined && info.etag?.length === 32) this.#listsMd5 = Promise.resolve(false);
    return info;
  }
}
