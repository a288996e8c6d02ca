import { unsupported } from '../../../stores/checks.ts';
import { StoreError } from '../../../stores/errors.ts';
import type { Body, PartInfo } from '../../../stores/store.ts';
import type { LakeEntry } from '../../client/entry.ts';
import type { StagedUpload } from '../../client/types.ts';
import type { Reach } from '../ways.ts';
import { checkArrived, checkedBody, keptProperties } from '../writing.ts';
import type { SendOptions, Upload, UploadWay } from './way.ts';

/**
 * Parts go straight into the object store, each by a presigned address that lakeFS gives. lakeFS neither lists
 * such uploads nor their parts, and completes them without conditions.
 */
export class PresignedParts implements UploadWay {
  readonly #reach: Reach;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  async begin(path: string, _: unknown, signal?: AbortSignal): Promise<{ id: string; address: string }> {
    const { client, repository, ref } = this.#reach;
    const { id, physicalAddress } = await client.createUpload(repository, ref, path, { signal });
    return { id, address: physicalAddress };
  }

  async send(upload: Upload, partNumber: number, body: Body, options: SendOptions): Promise<PartInfo> {
    const { client, name: store } = this.#reach;
    const { signal } = options;
    const at = { store, key: upload.path };
    // The object store wants to know the size before the first byte.
    if (!(body instanceof Uint8Array) && options.size === undefined) {
      throw new StoreError('BAD_SPEC', `${store} needs to know the size of ${upload.path} beforehand.`, at);
    }
    const address = await client.partAddress(this.#staged(upload), partNumber, { signal });
    const { hash, body: checked } = await checkedBody(at, body, options);
    const size = checked instanceof Uint8Array ? checked.byteLength : options.size!;
    const etag = await client.putPresigned(address, checked, at, { size, signal });
    checkArrived(at, etag, hash());
    return { partNumber, etag, size };
  }

  copy(
    upload: Upload,
    partNumber: number,
    source: { ref: string; path: string; range?: { start: number; end: number } },
    signal?: AbortSignal,
  ): Promise<string> {
    const { client, repository } = this.#reach;
    const { ref, path, range } = source;
    const from = { repository, ref, path, ...(range && { range }) };
    return client.copyPart(this.#staged(upload), partNumber, from, { signal });
  }

  async finish(
    upload: Upload,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; signal?: AbortSignal },
  ): Promise<LakeEntry> {
    const { client, name } = this.#reach;
    const { path } = upload;
    if (options.ifNoneMatch) {
      throw unsupported({ name }, 'complete an upload in parts only where nothing is', path);
    }
    const staged = this.#staged(upload);
    return client.completeUpload(staged, parts, {
      ...keptProperties(upload.properties),
      signal: options.signal,
    });
  }

  async abort(upload: Upload): Promise<void> {
    await this.#reach.client.abortUpload(this.#staged(upload));
  }

  #staged({ path, id, address }: Upload): StagedUpload {
    const { repository, ref } = this.#reach;
    return { repository, branch: ref, path, id, physicalAddress: address! };
  }
}
