import { createHash } from 'node:crypto';
import { compareKeys } from '../base/keys.ts';
import { StoreError } from './errors.ts';
import type { UploadInfo } from './store.ts';

export interface SentPart {
  partNumber: number;
  etag: string;
  size: number;
}

/**
 * Checks a list of parts to complete an upload with, for stores that have to do it themselves.
 * @returns the parts that were sent, in order
 * @throws StoreError BAD_SPEC: none, not ascending, never sent, sent again since, or too small
 */
export function checkParts(
  limits: { minPartSize: number },
  parts: readonly { partNumber: number; etag: string }[],
  sent: (partNumber: number) => SentPart | undefined,
  at: { store: string; key: string },
): SentPart[] {
  const bad = (why: string) => new StoreError('BAD_SPEC', `${at.key} cannot be put together: ${why}.`, at);
  if (parts.length === 0) throw bad('no part is named');
  let before = 0;
  return parts.map(({ partNumber, etag }, index) => {
    if (partNumber <= before) throw bad(`part ${partNumber} comes after part ${before}`);
    before = partNumber;
    const part = sent(partNumber);
    if (!part) throw bad(`part ${partNumber} was never sent`);
    if (part.etag !== etag) throw bad(`part ${partNumber} is ${part.etag}, not ${etag}`);
    if (part.size < limits.minPartSize && index < parts.length - 1) {
      throw bad(`part ${partNumber} has ${part.size} bytes; all but the last need ${limits.minPartSize}`);
    }
    return part;
  });
}

/** The uploads of a sorted list that come after a key, or after one upload of that key. */
export function uploadsAfter(
  uploads: readonly UploadInfo[],
  afterKey: string | undefined,
  afterUploadId: string | undefined,
): UploadInfo[] {
  if (afterKey === undefined) return [...uploads];
  const mark = uploads.findIndex((each) => each.key === afterKey && each.uploadId === afterUploadId);
  return uploads.filter(
    (each, at) => compareKeys(each.key, afterKey) > 0 || (mark >= 0 && at > mark && each.key === afterKey),
  );
}

/** The ETag that S3 gives an object of these parts: the MD5 of their MD5s, and how many they are. */
export function combinedTag(parts: readonly { etag: string }[]): string {
  const hash = createHash('md5');
  for (const { etag } of parts) hash.update(Buffer.from(etag.replaceAll('"', ''), 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
