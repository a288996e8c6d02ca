import type { Readable } from 'node:stream';

/**
 * Objects under keys. S3, GCS, Azure, a folder, memory, a lakeFS ref and a Router are all Stores.
 *
 * A Store is rooted at its container (bucket, container, folder, `repository/ref`); keys are relative to it,
 * any UTF-8 string of 1 to 1,024 bytes (a folder takes fewer: BAD_KEY). Every method may throw a StoreError;
 * codes that belong to one method are named there. Methods retry by themselves what can be retried; an
 * error that comes out is final. `signal` stops a method with CANCELED. Each implementation passes
 * test/contracts/store.ts.
 */
export interface Store {
  /** What it is: s3, gcs, azure, file, memory, lakefs, router. */
  readonly kind: string;
  /** Its address for reports and errors, such as `s3://bucket`. Holds no secret. */
  readonly name: string;
  readonly capabilities: Capabilities;

  /**
   * Objects in key order (bytes of UTF-8), page by page, as the container is while it is read. With a
   * delimiter, keys that share the part up to its next occurrence after the prefix are shown once, as a
   * prefix. A container that does not exist is NOT_FOUND; a prefix without objects gives no page or an
   * empty one.
   */
  list(options?: ListOptions): AsyncIterable<ListPage>;

  /** @throws NOT_FOUND */
  head(key: string, options?: HeadOptions): Promise<ObjectInfo>;

  /**
   * Opens an object for reading. The body must be read to its end or destroyed. It fails in mid-stream
   * (CONNECTION, TIMEOUT) when the connection breaks for good and with CORRUPT when fewer or more bytes
   * come than were promised.
   * @throws NOT_FOUND, PRECONDITION_FAILED (ifMatch), NOT_MODIFIED (ifNoneMatch), RANGE_NOT_SATISFIABLE
   */
  get(key: string, options?: GetOptions): Promise<ObjectContent>;

  /**
   * Writes a whole object; it appears at once and complete, or not at all. A body larger than one request
   * takes, or of unknown size, goes by multipart with bounded memory.
   * @returns what is there now; `md5` where the store vouches for it
   * @throws PRECONDITION_FAILED (ifNoneMatch, ifMatch), CORRUPT (bytes that differ from `size` or `md5`), NO_SPACE
   */
  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo>;

  /** Removes an object; one that is not there is no error. @throws PRECONDITION_FAILED (ifMatch) */
  delete(key: string, options?: DeleteOptions): Promise<void>;

  /** Removes many, in as few requests as the store allows; gives those that failed, and why. */
  deleteMany(keys: readonly string[], options?: { signal?: AbortSignal }): Promise<DeleteFailure[]>;

  /** Whether `copyFrom` this source can work without bytes passing through this process. */
  canCopyFrom(source: Store): boolean;

  /**
   * Copies inside the provider, large objects in parts, in parallel. Properties that are not given are
   * those of the source, unless `keepProperties` is false.
   * @throws NOT_FOUND (source), PRECONDITION_FAILED, UNSUPPORTED when `canCopyFrom` says no, ACCESS_DENIED
   *   when the provider lets these credentials read one side only
   */
  copyFrom(source: Store, sourceKey: string, key: string, options?: CopyOptions): Promise<ObjectInfo>;

  /** Present when `capabilities.presign`: an address that works without credentials for `expires` seconds. */
  presign?(key: string, options: PresignOptions): Promise<string>;

  /** Present when `capabilities.multipart`. */
  readonly multipart?: Multipart;

  /** Present where objects have tags. */
  readonly tags?: ObjectTags;

  /** Frees connections. The Store is of no use afterwards. */
  close(): Promise<void>;
}

export interface Capabilities {
  /** Can refuse a put when the key exists (`ifNoneMatch: '*'`), atomically. */
  putIfAbsent: boolean;
  /** Can refuse a put when the object's etag is another (`ifMatch`), atomically. */
  putIfMatch: boolean;
  /** Can refuse a delete when the etag is another, atomically. */
  deleteIfMatch: boolean;
  presign: boolean;
  multipart: boolean;
  /** Keeps content type and user metadata. */
  properties: boolean;
  /** Nothing can be put or deleted. */
  readOnly: boolean;
  /** Most keys of one delete request; 1 when there is no batch. */
  deleteBatch: number;
}

export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** The provider's tag for this content, without quotes; only good for comparing with itself and for ifMatch. */
  etag?: string;
  /** Hex MD5 of the whole content, only where the provider vouches for it. */
  md5?: string;
  /** Milliseconds since 1970. */
  modified?: number;
  /** From head and get; in listings only where it comes for free. */
  contentType?: string;
  /** User metadata, names in lower case; as contentType. */
  metadata?: Record<string, string>;
  contentEncoding?: string;
  contentDisposition?: string;
  contentLanguage?: string;
  cacheControl?: string;
  storageClass?: string;
  /** Other whole-object checksums that the provider keeps, base64: crc32, crc32c, crc64nvme, sha1, sha256. */
  checksums?: Record<string, string>;
}

export interface ListOptions {
  prefix?: string;
  /** Only keys (and prefixes) after this one, in key order. */
  startAfter?: string;
  delimiter?: string;
  /** Most entries of a page; the store may give fewer, never more. */
  pageSize?: number;
  signal?: AbortSignal;
}

export interface ListPage {
  objects: ObjectInfo[];
  /** Common prefixes, each ending with the delimiter; in key order. */
  prefixes: string[];
  /** Whether anything follows this page, where the store knows that without another request. */
  more?: boolean;
}

export interface HeadOptions {
  signal?: AbortSignal;
}

/** Both ends included, as HTTP counts; `{last}` is a suffix of that many bytes. */
export type ByteRange = { start: number; end?: number } | { last: number };

export interface GetOptions {
  range?: ByteRange;
  /** Wants `info.checksums`, too, which a Store need not give otherwise. */
  checksums?: boolean;
  ifMatch?: string;
  ifNoneMatch?: string;
  signal?: AbortSignal;
}

export interface ObjectContent {
  /** `size` is that of the whole object also when a range was asked for. */
  info: ObjectInfo;
  /** Which bytes the body holds, when a range was asked for; both ends included. */
  range?: { start: number; end: number };
  body: Readable;
}

/**
 * What is written. A function can be called again, so a broken attempt is repeated from its start; a
 * stream can be read once, so a put of one that broke ends with an error.
 */
export type Body = Uint8Array | Readable | (() => Promise<Readable>);

export interface ObjectProperties {
  contentType?: string;
  metadata?: Record<string, string>;
  contentEncoding?: string;
  contentDisposition?: string;
  contentLanguage?: string;
  cacheControl?: string;
  storageClass?: string;
  /** Only for a Store with `tags`; others throw UNSUPPORTED. Copies keep tags as their provider does. */
  tags?: Record<string, string>;
}

export interface PutOptions extends ObjectProperties {
  /** Bytes; needed for a stream to go in one request. */
  size?: number;
  /** Hex; the store refuses other bytes. */
  md5?: string;
  /** A checksum of the whole body to keep and check where the store can (base64), such as {crc32c: '…'}. */
  checksums?: Record<string, string>;
  /** As `checksums`, for one that is known when the body has been read; kept where the store can take it then. */
  trailingChecksum?: { name: string; value(): string | undefined };
  /** '*': only when the key is not there. */
  ifNoneMatch?: '*';
  /** Only when the object there has this etag. */
  ifMatch?: string;
  /** The time to show as modified, for stores that can (a folder); milliseconds since 1970. */
  modified?: number;
  signal?: AbortSignal;
}

export interface DeleteOptions {
  ifMatch?: string;
  signal?: AbortSignal;
}

export interface DeleteFailure {
  key: string;
  error: Error;
}

export interface CopyOptions extends ObjectProperties {
  /** The source must have this etag. */
  sourceIfMatch?: string;
  /** Size of the source when known, which saves a head. */
  size?: number;
  /** False: the source's properties that are not given need not be kept, which saves S3 and GCS a look at it. */
  keepProperties?: boolean;
  ifNoneMatch?: '*';
  modified?: number;
  signal?: AbortSignal;
}

export interface PresignOptions {
  method: 'GET' | 'PUT' | 'HEAD' | 'DELETE';
  /** Seconds. */
  expires: number;
}

/** One object written in parts, by anyone who has the upload's id. */
export interface Multipart {
  /** Bytes; the last part may be smaller. */
  readonly minPartSize: number;
  readonly maxPartSize: number;
  readonly maxParts: number;

  create(key: string, options?: ObjectProperties & { signal?: AbortSignal }): Promise<string>;
  /** @param partNumber from 1 */
  uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options?: { size?: number; md5?: string; signal?: AbortSignal },
  ): Promise<PartInfo>;
  /** Inside the provider; present where the store can. @param range both ends included */
  copyPart?(
    key: string,
    uploadId: string,
    partNumber: number,
    source: Store,
    sourceKey: string,
    options?: { range?: { start: number; end: number }; sourceIfMatch?: string; signal?: AbortSignal },
  ): Promise<PartInfo>;
  /** @param parts ascending @throws NOT_FOUND (upload), BAD_SPEC (a part missing, out of order or too small) */
  complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options?: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal },
  ): Promise<ObjectInfo>;
  abort(key: string, uploadId: string): Promise<void>;
  /** Ascending by number, those after `after`. @throws NOT_FOUND */
  listParts(
    key: string,
    uploadId: string,
    options?: { after?: number; limit?: number },
  ): Promise<{ parts: PartInfo[]; more: boolean }>;
  /** In key order, then by age. */
  listUploads(options?: {
    prefix?: string;
    afterKey?: string;
    afterUploadId?: string;
    limit?: number;
  }): Promise<{ uploads: UploadInfo[]; more: boolean }>;
}

/** Names and values beside an object that can be changed without writing it, as S3 has them. */
export interface ObjectTags {
  /** @throws NOT_FOUND (object) */
  get(key: string): Promise<Record<string, string>>;
  /** Replaces all tags. @throws NOT_FOUND (object) */
  set(key: string, tags: Record<string, string>): Promise<void>;
  /** @throws NOT_FOUND (object) */
  delete(key: string): Promise<void>;
}

export interface PartInfo {
  partNumber: number;
  etag: string;
  size: number;
  modified?: number;
}

export interface UploadInfo {
  key: string;
  uploadId: string;
  /** Milliseconds since 1970. */
  initiated: number;
}
