import { unsupported } from '../../../stores/checks.ts';
import { StoreError } from '../../../stores/errors.ts';
import type { OpenStore } from '../../../stores/open.ts';
import type { Body, Multipart, PartInfo } from '../../../stores/store.ts';
import { parsePhysicalAddress } from '../../client/address.ts';
import type { LakeEntry } from '../../client/entry.ts';
import type { Reach } from '../ways.ts';
import { keptProperties } from '../writing.ts';
import type { SendOptions, Upload, UploadWay } from './way.ts';

/** Parts go into the object store with credentials of our own; the whole is linked to the branch. */
export class DirectParts implements UploadWay {
  readonly #reach: Reach;
  readonly #open: OpenStore;

  constructor(reach: Reach, open: OpenStore) {
    this.#reach = reach;
    this.#open = open;
  }

  async begin(
    path: string,
    { contentType }: { contentType?: string },
    signal?: AbortSignal,
  ): Promise<{ id: string; address: string }> {
    const { client, repository, ref } = this.#reach;
    const staging = await client.stagingLocation(repository, ref, path, { signal });
    const address = staging.physical_address ?? '';
    const { multipart, at } = await this.#inside(path, address);
    return { id: await multipart.create(at, { ...(contentType && { contentType }), signal }), address };
  }

  async send(upload: Upload, partNumber: number, body: Body, options: SendOptions): Promise<PartInfo> {
    const { multipart, at } = await this.#inside(upload.path, upload.address!);
    return multipart.uploadPart(at, upload.id, partNumber, body, options);
  }

  async finish(
    upload: Upload,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; signal?: AbortSignal },
  ): Promise<LakeEntry> {
    const { client, repository, ref } = this.#reach;
    const { path, address, properties } = upload;
    const { multipart, at } = await this.#inside(path, address!);
    const { etag, size } = await multipart.complete(at, upload.id, parts, { signal: options.signal });
    const staging = { physical_address: address! };
    const object = { staging, checksum: etag ?? '', size, ...keptProperties(properties) };
    return client.link(repository, ref, path, object, options);
  }

  async abort(upload: Upload): Promise<void> {
    const { multipart, at } = await this.#inside(upload.path, upload.address!);
    await multipart.abort(at, upload.id);
  }

  async parts(upload: Upload, options: { after?: number; limit?: number }) {
    const { multipart, at } = await this.#inside(upload.path, upload.address!);
    return multipart.listParts(at, upload.id, options);
  }

  async #inside(key: string, address: string): Promise<{ multipart: Multipart; at: string }> {
    const store = this.#reach.name;
    const uri = parsePhysicalAddress(address)?.uri;
    if (uri === undefined) {
      throw new StoreError(
        'UNSUPPORTED',
        `${store} keeps its objects where Sluice cannot write to directly.`,
        {
          store,
          key,
        },
      );
    }
    const location = await this.#open(uri);
    const { multipart } = location.store;
    if (!multipart) throw unsupported(location.store, 'take an upload in parts', key);
    return { multipart, at: location.path };
  }
}
