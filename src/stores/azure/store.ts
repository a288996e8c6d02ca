import type { Readable } from 'node:stream';
import { compareKeys } from '../../base/keys.ts';
import { checkKey, checkSignal, unsupported } from '../checks.ts';
import { cutPage } from '../cut-page.ts';
import { deleteEach } from '../delete-each.ts';
import { StoreError } from '../errors.ts';
import { propertiesOf } from '../properties.ts';
import { cancelable, resolveRange } from '../read.ts';
import { ResumingBody } from '../resume.ts';
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
  PresignOptions,
  PutOptions,
  Store,
} from '../store.ts';
import { UPLOADS } from '../uploads.ts';
import { AzureClient } from './client.ts';
import type { ContainerName } from './container.ts';
import { copyBlob } from './copy.ts';
import { azureError } from './errors.ts';
import { conditionsOf, factsOf, infoOf, isFolder } from './info.ts';
import { AzureMultipart } from './multipart.ts';
import { Utf8Order } from './order.ts';
import type { AzureSettings } from './settings.ts';
import { upload } from './upload.ts';

type Listed = { object: ObjectInfo } | { prefix: string };
const keyOf = (entry: Listed): string => ('prefix' in entry ? entry.prefix : entry.object.key);

/**
 * A container of Azure Blob Storage, or of Data Lake Storage Gen2 through its blob endpoint. Folders of a
 * hierarchical namespace are no objects.
 */
export class AzureStore implements Store {
  readonly kind = 'azure';
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly multipart: Multipart;
  readonly presign?: (key: string, options: PresignOptions) => Promise<string>;
  readonly #client: AzureClient;

  constructor(settings: AzureSettings, container: ContainerName) {
    this.#client = new AzureClient(settings, container);
    this.name = this.#client.name;
    const signs = settings.credentials.kind === 'key';
    this.capabilities = {
      putIfAbsent: true,
      putIfMatch: true,
      deleteIfMatch: true,
      presign: signs,
      multipart: true,
      properties: true,
      readOnly: false,
      deleteBatch: 1,
    };
    this.multipart = new AzureMultipart(this.#client);
    if (signs) this.presign = (key, options) => this.#presign(key, options);
  }

  /** Azure cannot begin in the middle: with `startAfter`, what comes before is listed too, and left out. */
  async *list(options: ListOptions = {}): AsyncGenerator<ListPage> {
    const { startAfter = '' } = options;
    const pageSize = Math.min(5000, Math.max(1, options.pageSize ?? 5000));
    const order = new Utf8Order(keyOf);
    const isDue = (entry: Listed) => startAfter === '' || compareKeys(keyOf(entry), startAfter) > 0;
    for await (const entries of this.#segments(options, pageSize)) {
      yield* cutPage(pageOf(entries.flatMap((entry) => order.add(entry)).filter(isDue)), pageSize);
    }
    yield* cutPage(pageOf(order.end().filter(isDue)), pageSize);
  }

  async *#segments(options: ListOptions, pageSize: number): AsyncGenerator<Listed[]> {
    const { prefix = '', delimiter, signal } = options;
    const container = await this.#client.container();
    const settings = { prefix, includeMetadata: true };
    for (let token: string | undefined, more = true; more; ) {
      const paging = { maxPageSize: pageSize, ...(token && { continuationToken: token }) };
      const { value } = await this.#client.run({ action: 'list', signal }, (abortSignal) =>
        (delimiter
          ? container.listBlobsByHierarchy(delimiter, { ...settings, abortSignal }).byPage(paging)
          : container.listBlobsFlat({ ...settings, abortSignal }).byPage(paging)
        ).next(),
      );
      const segment = value as Segment;
      const entries: Listed[] = (segment.segment.blobPrefixes ?? []).map(({ name }) => ({ prefix: name }));
      for (const { name, properties, metadata } of segment.segment.blobItems) {
        if (isFolder(metadata) || name.startsWith(UPLOADS)) continue;
        entries.push({ object: infoOf(name, properties, metadata) });
      }
      entries.sort(byUnits);
      yield entries.filter((entry) => keyOf(entry) !== UPLOADS);
      token = segment.continuationToken;
      more = !!token;
    }
  }

  async head(key: string, options: HeadOptions = {}): Promise<ObjectInfo> {
    this.#checkKey(key);
    const { signal } = options;
    const blob = await this.#client.blob(key);
    const facts = await this.#client.run({ action: 'look at', key, signal }, (abortSignal) =>
      blob.getProperties({ abortSignal }),
    );
    if (isFolder(facts.metadata)) throw this.#notFound(key);
    return infoOf(key, facts, facts.metadata);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectContent> {
    this.#checkKey(key);
    const { signal } = options;
    const at = { store: this.name, key };
    let { range } = options;
    // Azure has no range that is counted from the end.
    if (range && 'last' in range) range = resolveRange(range, (await this.head(key, { signal })).size, at)!;
    const count = range?.end === undefined ? undefined : range.end - range.start + 1;
    const answer = await this.#read(key, range?.start ?? 0, count, conditionsOf(options), signal);
    const first = answer.readableStreamBody as Readable;
    first.on('error', () => undefined);
    if (isFolder(answer.metadata)) {
      first.destroy();
      throw this.#notFound(key);
    }
    const span = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.contentRange ?? '');
    const size = Number(span?.[3] ?? answer.contentLength ?? 0);
    const start = Number(span?.[1] ?? 0);
    const end = Number(span?.[2] ?? size - 1);
    const contentMD5 = answer.blobContentMD5 ?? (span ? undefined : answer.contentMD5);
    const facts = { ...factsOf(answer), contentLength: size, contentMD5 };
    const info = infoOf(key, facts, answer.metadata);
    try {
      resolveRange(options.range, size, at);
    } catch (error) {
      first.destroy();
      throw error;
    }
    const body = new ResumingBody({
      first,
      length: end - start + 1,
      at,
      policy: this.#client.settings.retry,
      silence: this.#client.settings.timeout,
      signal,
      mapError: (error) => azureError({ ...at, action: 'read', signal }, error),
      open: async (offset) => {
        const left = end - start - offset + 1;
        const rest = await this.#read(
          key,
          start + offset,
          left,
          conditionsOf({ ifMatch: info.etag }),
          signal,
        );
        return rest.readableStreamBody as Readable;
      },
    });
    const content: ObjectContent = { info, body: cancelable(body, this.name, signal) };
    if (options.range) content.range = { start, end };
    return content;
  }

  async #read(
    key: string,
    start: number,
    count: number | undefined,
    conditions: object,
    signal: AbortSignal | undefined,
  ) {
    const blob = await this.#client.blob(key);
    return this.#client.run({ action: 'read', key, signal }, (abortSignal) =>
      blob.download(start, count, { conditions, abortSignal, maxRetryRequests: 0 }),
    );
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    this.#checkKey(key);
    return upload(this.#client, key, body, options);
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    this.#checkKey(key);
    const { signal } = options;
    const blob = await this.#client.blob(key);
    await this.#client.run({ action: 'delete', key, signal }, (abortSignal) =>
      blob.deleteIfExists({
        deleteSnapshots: 'include',
        conditions: conditionsOf(options),
        abortSignal,
      }),
    );
  }

  deleteMany(keys: readonly string[], options: { signal?: AbortSignal } = {}): Promise<DeleteFailure[]> {
    return deleteEach(this, keys, 32, options.signal);
  }

  /** From the same account, or from one that these credentials can sign an address of. */
  canCopyFrom(source: Store): boolean {
    if (!(source instanceof AzureStore)) return false;
    const { kind } = source.#client.settings.credentials;
    return source.#client.endpoint === this.#client.endpoint || kind === 'key' || kind === 'sas';
  }

  async copyFrom(
    source: Store,
    sourceKey: string,
    key: string,
    options: CopyOptions = {},
  ): Promise<ObjectInfo> {
    this.#checkKey(key);
    checkSignal(this, options.signal);
    if (!(source instanceof AzureStore) || !this.canCopyFrom(source)) {
      throw unsupported(this, `copy from ${source.name} by itself`, key);
    }
    source.#checkKey(sourceKey);
    const from = { client: source.#client, key: sourceKey };
    await copyBlob(this.#client, from, key, options, propertiesOf(options));
    return this.head(key, { signal: options.signal });
  }

  async #presign(key: string, options: PresignOptions): Promise<string> {
    this.#checkKey(key);
    const { BlobSASPermissions } = await import('@azure/storage-blob');
    const rights = { GET: 'r', HEAD: 'r', PUT: 'cw', DELETE: 'd' }[options.method];
    return (await this.#client.blob(key)).generateSasUrl({
      permissions: BlobSASPermissions.parse(rights),
      // Clocks differ a little.
      startsOn: new Date(Date.now() - 5 * 60_000),
      expiresOn: new Date(Date.now() + options.expires * 1000),
    });
  }

  async close(): Promise<void> {}

  /** Azure takes some keys for others without a word; those are refused instead. */
  #checkKey(key: string): void {
    checkKey(this, key);
    let why: string | undefined;
    if (key.startsWith(UPLOADS)) why = `lies where Sluice keeps uploads under way (${UPLOADS})`;
    else if (key.includes('\\')) why = 'has a backslash, which Azure makes a slash';
    else if (/(^|\/)\.{1,2}(\/|$)/.test(key)) why = 'has a part "." or "..", which Azure resolves';
    if (why) throw new StoreError('BAD_KEY', `${key} ${why}.`, { store: this.name, key });
  }

  #notFound(key: string): StoreError {
    return new StoreError('NOT_FOUND', `${key} in ${this.name} is a folder, not an object.`, {
      store: this.name,
      key,
    });
  }
}

interface Segment {
  continuationToken?: string;
  segment: {
    blobItems: { name: string; properties: object; metadata?: Record<string, string> }[];
    blobPrefixes?: { name: string }[];
  };
}

/** As the listing itself is ordered: blobs and prefixes come apart and are joined by this. */
const byUnits = (a: Listed, b: Listed): number => (keyOf(a) < keyOf(b) ? -1 : 1);

function pageOf(entries: readonly Listed[]): ListPage {
  const page: ListPage = { objects: [], prefixes: [] };
  for (const entry of entries) {
    if ('prefix' in entry) page.prefixes.push(entry.prefix);
    else page.objects.push(entry.object);
  }
  return page;
}
