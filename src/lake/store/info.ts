import type { ObjectInfo } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';
import { propertiesFrom } from './properties.ts';

/**
 * An entry of a lake as a Store shows it. Its checksum is an MD5 of the content only sometimes: of what lakeFS's S3
 * gateway took in parts it is the object store's combined tag without the number of parts, and looks the same.
 */
export function infoOf(entry: LakeEntry): ObjectInfo {
  const info: ObjectInfo = {
    key: entry.path,
    size: entry.size,
    etag: entry.checksum,
    modified: entry.mtime,
  };
  if (entry.contentType) info.contentType = entry.contentType;
  return entry.metadata ? { ...info, ...propertiesFrom(entry.metadata) } : info;
}

/** As infoOf, for an entry whose checksum was compared with, or made from, the bytes that were sent in one piece. */
export function sentInfo(entry: LakeEntry): ObjectInfo {
  return { ...infoOf(entry), md5: entry.checksum };
}
