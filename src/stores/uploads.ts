import type { ObjectProperties } from './store.ts';

/**
 * Where stores without uploads of their own kind remember those under way: left out of listings, and no key
 * of a user's.
 */
export const UPLOADS = '.sluice-uploads/';

/** What an upload is of: kept at the store, so that any process with its id can go on. */
export interface UploadState {
  key: string;
  /** Milliseconds since 1970. */
  initiated: number;
  properties: ObjectProperties;
}

export const UPLOAD_ID = /^[0-9a-f]{32}$/;

/** As the value of one user metadata entry. */
export function stateToText(state: UploadState): string {
  return Buffer.from(JSON.stringify(state)).toString('base64');
}

export function stateFromText(text: string | undefined): UploadState | undefined {
  return text === undefined ? undefined : (JSON.parse(Buffer.from(text, 'base64').toString()) as UploadState);
}
