import { createHash, type Hash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { readAll } from '../../stores/read.ts';
import type { ByteRange, Multipart, Store } from '../../stores/store.ts';
import { LakeFailure } from './failure.ts';
import type { TreeEntry } from './tree.ts';

/** Where a repository keeps its bytes. */
export interface Storage {
  /** As lakeFS says it: `s3`, `gs`, `azure`, `local`. */
  readonly type: string;
  readonly namespace: string;
  /** A whole URI of an entry's bytes. */
  physicalAddress(entry: TreeEntry): string;
  open(entry: TreeEntry, range?: ByteRange): Promise<Readable>;
  /** Writes an object's bytes at a new place below the namespace. */
  write(body: Readable | Buffer, size?: number): Promise<{ address: string; size: number; checksum: string }>;
  /** A place below the namespace that nothing was written to. */
  newAddress(): string;
  /** @throws LakeFailure 410 */
  metadata(id: string): Promise<Buffer>;
  writeMetadata(id: string, bytes: Buffer): Promise<void>;
  /** Present where addresses can be presigned. @param address below the namespace, or a whole URI */
  presign?(address: string, full: boolean, method: 'GET' | 'PUT'): Promise<string>;
  /** Present where addresses can be presigned and objects can be written in parts. */
  uploads?: Uploads;
}

/** Uploads in parts. Addresses are below the namespace. */
export interface Uploads {
  /** @returns the upload's id */
  create(address: string): Promise<string>;
  /** @returns the part's ETag */
  put(address: string, id: string, part: number, body: Readable, size: number): Promise<string>;
  complete(
    address: string,
    id: string,
    parts: { partNumber: number; etag: string }[],
  ): Promise<{ checksum: string; size: number }>;
  abort(address: string, id: string): Promise<void>;
  physicalAddress(address: string): string;
  /** The address of a physical one. */
  address(physicalAddress: string): string;
}

export interface StoreStorageOptions {
  store: Store;
  /** The repository's folder in the store, without a '/' at its end; '' is the store's root. */
  folder: string;
  /** What the store's root is called in physical addresses, without a '/' at its end: `s3://bucket`, `local:///lake`. */
  root: string;
  /** What the API says; for local storage it differs from `root/folder`. */
  namespace?: string;
  /** Seconds that presigned addresses are good for. */
  presignSeconds?: number;
}

/** A repository's bytes in a Store: a folder, a bucket, or memory. */
export class StoreStorage implements Storage {
  readonly type: string;
  readonly namespace: string;
  presign?: Storage['presign'];
  uploads?: Uploads;
  readonly #store: Store;
  readonly #root: string;
  readonly #prefix: string;
  #count = 0;

  constructor({ store, folder, root, namespace, presignSeconds = 900 }: StoreStorageOptions) {
    this.#store = store;
    this.#root = root;
    this.#prefix = folder === '' ? '' : `${folder}/`;
    this.type = /^(s3|gs|local):/.exec(root)?.[1] ?? 'azure';
    this.namespace = namespace ?? `${root}/${folder}`;
    if (store.presign) {
      this.presign = (address, full, method) =>
        store.presign!(this.#key(address, full), { method, expires: presignSeconds });
      if (store.multipart) this.uploads = uploadsOf(store.multipart, this.#prefix, `${root}/${this.#prefix}`);
    }
  }

  physicalAddress(entry: TreeEntry): string {
    return entry.full ? entry.address : `${this.#root}/${this.#prefix}${entry.address}`;
  }

  async open(entry: TreeEntry, range?: ByteRange): Promise<Readable> {
    try {
      const { body } = await this.#store.get(this.#key(entry.address, entry.full ?? false), { range });
      return body;
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) throw new LakeFailure(410, 'No data');
      throw error;
    }
  }

  async write(body: Readable | Buffer, size?: number) {
    const address = this.newAddress();
    const hash = createHash('md5');
    const info = await this.#store.put(this.#prefix + address, hashed(body, hash), { size });
    return { address, size: info.size, checksum: hash.digest('hex') };
  }

  newAddress(): string {
    return `data/${randomBytes(10).toString('hex')}/${String(this.#count++).padStart(8, '0')}`;
  }

  async metadata(id: string): Promise<Buffer> {
    try {
      const { body } = await this.#store.get(`${this.#prefix}_lakefs/${id}`);
      return await readAll(body);
    } catch (error) {
      if (isError(error, 'NOT_FOUND', 'BAD_KEY')) throw new LakeFailure(410, 'No data');
      throw error;
    }
  }

  async writeMetadata(id: string, bytes: Buffer): Promise<void> {
    await this.#store.put(`${this.#prefix}_lakefs/${id}`, bytes);
  }

  /** An imported object lies anywhere; what is not in this store is out of reach. */
  #key(address: string, full: boolean): string {
    if (!full) return this.#prefix + address;
    if (address.startsWith(`${this.#root}/`)) return address.slice(this.#root.length + 1);
    throw new LakeFailure(410, 'No data');
  }
}

function uploadsOf(multipart: Multipart, prefix: string, namespace: string): Uploads {
  return {
    create: (address) => multipart.create(prefix + address),
    put: async (address, id, part, body, size) =>
      (await multipart.uploadPart(prefix + address, id, part, body, { size })).etag,
    complete: async (address, id, parts) => {
      const { etag, size } = await multipart.complete(prefix + address, id, parts);
      return { checksum: etag ?? '', size };
    },
    abort: (address, id) => multipart.abort(prefix + address, id),
    physicalAddress: (address) => namespace + address,
    address: (physicalAddress) => physicalAddress.slice(namespace.length),
  };
}

/** A body that is hashed as it passes. */
function hashed(body: Readable | Buffer, hash: Hash): Readable | Buffer {
  if (Buffer.isBuffer(body)) {
    hash.update(body);
    return body;
  }
  async function* chunks(source: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return Readable.from(chunks(body), { objectMode: false });
}
