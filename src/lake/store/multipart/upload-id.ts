import { StoreError } from '../../../stores/errors.ts';
import type { ObjectProperties } from '../../../stores/store.ts';
import type { Way } from '../ways.ts';

/**
 * An upload's id holds all that is needed to go on with it, so that any process can: nothing of it is kept
 * by lakeFS until it is complete.
 */
export interface UploadState {
  way: Way;
  /** What the object store, or lakeFS's S3 gateway, calls the upload. */
  id: string;
  /** Where lakeFS wants the bytes; with `api` it knows by itself. */
  address?: string;
  properties: ObjectProperties;
}

export function sealUpload(state: UploadState): string {
  return Buffer.from(JSON.stringify(state)).toString('base64url');
}

/** @throws StoreError NOT_FOUND for what is no id */
export function openUpload(uploadId: string, at: { store: string; key: string }): UploadState {
  try {
    const state = JSON.parse(Buffer.from(uploadId, 'base64url').toString()) as UploadState;
    if (typeof state.way === 'string' && typeof state.id === 'string') return state;
  } catch {
    // Told below.
  }
  throw new StoreError('NOT_FOUND', `There is no upload ${uploadId} of ${at.key} in ${at.store}.`, at);
}
