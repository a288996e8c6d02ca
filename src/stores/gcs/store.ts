import { checkKey, checkSignal, unsupported } from '../checks.ts';
import { deleteEach } from '../delete-each.ts';
import { StoreError } from '../errors.ts';
import { propertiesOf } from '../properties.ts';
import { cancelable } from '../read.ts';
import { ResumingBody } from '../resume.ts';
import type {
  Body,
  ByteRange,
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
  PresignOptions,
  PutOptions,
  Store,
} from '../store.ts';
import { UPLOADS } from '../uploads.ts';
import { GcsClient } from './client.ts';
import { unansweredError } from './errors.ts';
import { type GcsObject, generationOf, infoFromHeaders, infoOf, OBJECT_FIELDS, resourceOf } from './info.ts';
import { listObjects } from './list.ts';
import { GcsMultipart } from './multipart.ts';
import type { GcsSettings } from './settings.ts';
import { upload } from './upload.ts';

/**
 * A bucket of Google Cloud Storage. Its etags are generations. Lists, writes, copies and deletes by the JSON
 * API; reads by the XML API, whose answers carry the user metadata.
 */
export class GcsStore implements Store {
  readonly kind = 'gcs';
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly presign?: (key: string, options: PresignOptions) => Promise<string>;
  readonly multipart: Multipart;
  readonly #client: GcsClient;

  constructor(settings: GcsSettings, bucket: string) {
    this.#client = new GcsClient(settings, bucket);
    this.name = this.#client.name;
    this.capabilities = {
      putIfAbsent: true,
      putIfMatch: true,
      deleteIfMatch: true,
      presign: this.#client.signs,
      multipart: true,
      properties: true,
      readOnly: false,
      deleteBatch: 1,
    };
    this.multipart = new GcsMultipart(this.#client);
    if (this.#client.signs) this.presign = (key, options) => this.#presign(key, options);
  }

  list(options: ListOptions = {}): AsyncIterable<ListPage> {
    return listObjects(this.#client, options, (key) => !key.startsWith(UPLOADS));
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    checkKey(this, key);
    return infoOf(
      await this.#client.json<GcsObject>({
        store: this.name,
        action: 'look at',
        key,
        signal: options.signal,
        method: 'GET',
        path: `${this.#client.object(key)}?fields=${OBJECT_FIELDS}`,
      }),
    );
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    checkKey(this, key);
    const { range, ifMatch, ifNoneMatch, signal } = options;
    const at = { store: this.name, key };
    if (ifNoneMatch !== undefined && (await this.head(key, { signal })).etag === ifNoneMatch) {
      throw new StoreError('NOT_MODIFIED', `${key} in ${this.name} has not changed.`, at);
    }
    if (range && 'last' in range && range.last <= 0) throw nothingThere(at, range);
    const asked =
      range && ('last' in range ? `bytes=-${range.last}` : `bytes=${range.start}-${range.end ?? ''}`);
    const { status, headers, body } = await this.#read(key, asked, ifMatch, signal);
    body.on('error', () => undefined);
    const span = status === 206 ? /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers['content-range'])) : null;
    const size = Number(span?.[3] ?? headers['x-goog-stored-content-length'] ?? headers['content-length']);
    const info = infoFromHeaders(key, size, headers);
    try {
      if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(at);
      if (range && !span) {
        if (size === 0) throw nothingThere(at, range);
        throw new StoreError('PROTOCOL', `${this.name} gave all of ${key} where a range was asked for.`, at);
      }
    } catch (error) {
      body.destroy();
      throw error;
    }
    const start = Number(span?.[1] ?? 0);
    const end = Number(span?.[2] ?? size - 1);
    const content = new ResumingBody({
      first: body,
      length: end - start + 1,
      at,
      policy: this.#client.settings.retry,
      signal,
      mapError: (error) => unansweredError({ ...at, action: 'read', signal }, error),
      open: async (offset) => {
        const rest = `bytes=${start + offset}-${end}`;
        return (await this.#read(key, rest, info.etag, signal)).body;
      },
    });
    const result: ObjectContent = { info, body: cancelable(content, this.name, signal) };
    if (span) result.range = { start, end };
    return result;
  }

  #read(key: string, range: string | undefined, generation: string | undefined, signal?: AbortSignal) {
    return this.#client.open({
      store: this.name,
      action: 'read',
      key,
      signal,
      method: 'GET',
      path: `/${this.#client.bucket}/${xmlPath(key)}`,
      headers: {
        // As it is stored: without this, objects with Content-Encoding gzip arrive unpacked.
        'accept-encoding': 'gzip',
        ...(range !== undefined && { range }),
        ...(generation !== undefined && { 'x-goog-if-generation-match': generationOf(generation) }),
      },
    });
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    this.#checkKey(key);
    return upload(this.#client, key, body, options);
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    this.#checkKey(key);
    const { ifMatch, signal } = options;
    const query = ifMatch === undefined ? '' : `?ifGenerationMatch=${generationOf(ifMatch)}`;
    await this.#client.send({
      store: this.name,
      action: 'delete',
      key,
      signal,
      method: 'DELETE',
      path: this.#client.object(key) + query,
      accept: [404],
    });
  }

  deleteMany(keys: readonly string[], options: { signal?: AbortSignal } = {}): Promise<DeleteFailure[]> {
    return deleteEach(this, keys, 32, options.signal);
  }

  canCopyFrom(source: Store): boolean {
    return source instanceof GcsStore && source.#client.settings.endpoint === this.#client.settings.endpoint;
  }

  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    this.#checkKey(key);
    checkSignal(this, options.signal);
    if (!(source instanceof GcsStore) || !this.canCopyFrom(source)) {
      throw unsupported(this, `copy from ${source.name} by itself`, key);
    }
    checkKey(source, sourceKey);
    const { signal, sourceIfMatch } = options;
    const given = resourceOf(propertiesOf(options), this.#client.settings.storageClass);
    let resource: object = given;
    // A body replaces all properties, so those that stay have to be named too.
    if (Object.keys(given).length > 0 && options.keepProperties !== false) {
      resource = {
        ...resourceOf(propertiesOf(await source.head(sourceKey, { signal })), undefined),
        ...given,
      };
    }
    const query = new URLSearchParams();
    if (options.ifNoneMatch !== undefined) query.set('ifGenerationMatch', '0');
    if (sourceIfMatch !== undefined) query.set('ifSourceGenerationMatch', generationOf(sourceIfMatch));
    const to = this.#client.object(key).replace('/storage/v1', '');
    for (;;) {
      // A call works for some time on a large object across locations, then gives a token to go on.
      const {
        done,
        rewriteToken,
        resource: object,
      } = await this.#client.json<{
        done: boolean;
        rewriteToken?: string;
        resource?: GcsObject;
      }>({
        store: this.name,
        action: `copy ${source.name}/${sourceKey} to`,
        key,
        signal,
        method: 'POST',
        path: `${this.#client.object(sourceKey, source.#client.bucket)}/rewriteTo${to}?${query}`,
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(resource),
      });
      if (done && object) return infoOf({ ...object, name: key });
      if (rewriteToken) query.set('rewriteToken', rewriteToken);
    }
  }

  async #presign(key: string, options: PresignOptions): Promise<string> {
    checkKey(this, key);
    const actions = { GET: 'read', HEAD: 'read', PUT: 'write', DELETE: 'delete' } as const;
    const { method, expires } = options;
    const storage = await this.#client.storage();
    const [url] = await storage
      .bucket(this.#client.bucket)
      .file(key)
      .getSignedUrl({ version: 'v4', action: actions[method], expires: Date.now() + expires * 1000 });
    return url;
  }

  #checkKey(key: string): void {
    checkKey(this, key);
    if (!key.startsWith(UPLOADS)) return;
    throw new StoreError('BAD_KEY', `${key} lies where Sluice keeps uploads under way (${UPLOADS}).`, {
      store: this.name,
      key,
    });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** An object's path in the XML API; what a server between might tidy up is written so that it cannot. */
function xmlPath(key: string): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  return /(^|\/)(\.{0,2})(\/|$)/.test(key) ? path.replaceAll('/', '%2F') : path;
}

function changed(at: { store: string; key: string }): StoreError {
  return new StoreError('PRECONDITION_FAILED', `${at.key} in ${at.store} is not the object it was.`, at);
}

function nothingThere(at: { store: string; key: string }, range: ByteRange): StoreError {
  return new StoreError(
    'RANGE_NOT_SATISFIABLE',
    `There is nothing at ${JSON.stringify(range)} of ${at.key} in ${at.store}.`,
    at,
  );
}
