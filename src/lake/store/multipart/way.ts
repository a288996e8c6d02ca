import type { Body, PartInfo } from '../../../stores/store.ts';
import type { LakeEntry } from '../../client/entry.ts';
import type { UploadState } from './upload-id.ts';

/** An upload under way: its key in the branch, and what its id says. */
export interface Upload extends UploadState {
  path: string;
}

export interface SendOptions {
  size?: number;
  md5?: string;
  signal?: AbortSignal;
}

/** One way for the parts of an object to get into a branch's object store. */
export interface UploadWay {
  begin(
    path: string,
    properties: UploadState['properties'],
    signal?: AbortSignal,
  ): Promise<{ id: string; address?: string }>;
  send(upload: Upload, partNumber: number, body: Body, options: SendOptions): Promise<PartInfo>;
  /** Copies an object of the same repository, or a range of it, without its bytes passing through here; gives the ETag. */
  copy?(
    upload: Upload,
    partNumber: number,
    source: { ref: string; path: string; etag: string; range?: { start: number; end: number } },
    signal?: AbortSignal,
  ): Promise<string>;
  /** @throws UNSUPPORTED for a condition that it cannot keep */
  finish(
    upload: Upload,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; signal?: AbortSignal },
  ): Promise<LakeEntry>;
  abort(upload: Upload): Promise<void>;
  /** Present where the parts that were sent can be asked for. */
  parts?(
    upload: Upload,
    options: { after?: number; limit?: number },
  ): Promise<{ parts: PartInfo[]; more: boolean }>;
}
