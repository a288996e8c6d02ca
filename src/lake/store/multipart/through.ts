import type { Body, Multipart, PartInfo, Store } from '../../../stores/store.ts';
import type { LakeEntry } from '../../client/entry.ts';
import type { Reach } from '../ways.ts';
import { checkedBody, keptProperties } from '../writing.ts';
import type { SendOptions, Upload, UploadWay } from './way.ts';

/** Parts go through lakeFS, by its S3 gateway: its own API takes objects in one piece only. */
export class PartsThroughLakefs implements UploadWay {
  readonly #reach: Reach;
  readonly #gateway: Store;

  /** @param gateway the repository as a bucket */
  constructor(reach: Reach, gateway: Store) {
    this.#reach = reach;
    this.#gateway = gateway;
  }

  async begin(path: string, properties: Upload['properties'], signal?: AbortSignal): Promise<{ id: string }> {
    return { id: await this.#multipart.create(this.#at(path), { ...keptProperties(properties), signal }) };
  }

  /** The bytes are checked on their way, as lakeFS does not compare them with a Content-MD5. */
  async send({ path, id }: Upload, partNumber: number, body: Body, options: SendOptions): Promise<PartInfo> {
    const { size, signal } = options;
    const { body: checked } = await checkedBody({ store: this.#reach.name, key: path }, body, options);
    return this.#multipart.uploadPart(this.#at(path), id, partNumber, checked, { size, signal });
  }

  async copy(
    upload: Upload,
    partNumber: number,
    source: { ref: string; path: string; etag: string; range?: { start: number; end: number } },
    signal?: AbortSignal,
  ): Promise<string> {
    const from = `${source.ref}/${source.path}`;
    const part = await this.#multipart.copyPart!(
      this.#at(upload.path),
      upload.id,
      partNumber,
      this.#gateway,
      from,
      {
        ...(source.range && { range: source.range }),
        signal,
      },
    );
    return part.etag;
  }

  async finish(
    { path, id }: Upload,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; signal?: AbortSignal },
  ): Promise<LakeEntry> {
    const { client, repository, ref } = this.#reach;
    await this.#multipart.complete(this.#at(path), id, parts, options);
    return client.stat(repository, ref, path, { signal: options.signal });
  }

  abort({ path, id }: Upload): Promise<void> {
    return this.#multipart.abort(this.#at(path), id);
  }

  parts({ path, id }: Upload, options: { after?: number; limit?: number }) {
    return this.#multipart.listParts(this.#at(path), id, options);
  }

  get #multipart(): Multipart {
    return this.#gateway.multipart!;
  }

  #at(path: string): string {
    return `${this.#reach.ref}/${path}`;
  }
}
