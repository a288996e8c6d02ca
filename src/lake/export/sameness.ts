import type { ObjectInfo, Store } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';

/** How the content of two objects compares. `unknown`: equal sizes, and no hash that both sides have. */
export type Comparison = 'same' | 'different' | 'unknown';

/** User metadata that objects get when the store itself cannot vouch for their content: the lake's checksum. */
export const CHECKSUM_METADATA = 'sluice-checksum';

const MD5 = /^[0-9a-f]{32}$/;

/**
 * The MD5 of an entry's content, as far as its checksum tells: one with a part count (`…-3`) is none. Of an object
 * that came in parts through lakeFS's S3 gateway it looks like one all the same (combined.ts).
 */
export function md5Of(entry: LakeEntry): string | undefined {
  return MD5.test(entry.checksum) ? entry.checksum : undefined;
}

/** Compares an entry of the lake with an object of a listing or a head, by size and content hash. */
export function compareContent(entry: LakeEntry, object: ObjectInfo): Comparison {
  if (entry.size !== object.size) return 'different';
  const md5 = md5Of(entry);
  const noted = object.metadata?.[CHECKSUM_METADATA];
  if (md5 !== undefined && object.md5 !== undefined) {
    // What was noted is the checksum of parts, which no content has as its MD5.
    return md5 === object.md5 || noted === entry.checksum ? 'same' : 'different';
  }
  // Equal multipart tags mean equal parts; unequal ones mean nothing.
  if (md5 === undefined && entry.checksum !== '' && entry.checksum === object.etag) return 'same';
  if (noted !== undefined) return noted === entry.checksum ? 'same' : 'different';
  return entry.size === 0 ? 'same' : 'unknown';
}

/**
 * Asks the store where the listing does not tell: the metadata that Sluice noted, and whether a listed tag
 * that differs is a content hash at all (under SSE-KMS it is not).
 */
export async function compareClosely(
  entry: LakeEntry,
  object: ObjectInfo,
  store: Store,
  signal?: AbortSignal,
): Promise<Comparison> {
  const first = compareContent(entry, object);
  if (first === 'same' || entry.size !== object.size) return first;
  if (first === 'unknown' && store.kind === 'file') return first;
  return compareContent(entry, await store.head(object.key, { signal }));
}

/** Whether an object looks like what an export of this entry left: same content as far as anyone can tell. */
export function looksExported(entry: LakeEntry, object: ObjectInfo, comparison: Comparison): boolean {
  if (comparison !== 'unknown') return comparison === 'same';
  return (
    object.modified !== undefined && Math.floor(object.modified / 1000) === Math.floor(entry.mtime / 1000)
  );
}
