/** One object of a lake, as a listing or the committed metadata shows it. */
export interface LakeEntry {
  path: string;
  /** Where the bytes lie, as a whole URI (`s3://…`); '' in a presigned listing, which gives `presignedUrl` instead. */
  physicalAddress: string;
  /** MD5 hex for what lakeFS wrote; for imported objects the ETag of their store. */
  checksum: string;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  mtime: number;
  contentType?: string;
  metadata?: Record<string, string>;
  /**
   * Hex. Equal identities mean equal size, checksum, content type and metadata. Known where the entry comes
   * from committed metadata, not from listings.
   */
  identity?: string;
  /** A GET address that needs no credentials. A secret: never in a log or a report. */
  presignedUrl?: string;
  /** Until when `presignedUrl` is good, milliseconds since 1970, where lakeFS says so. */
  presignedExpiry?: number;
}

/** An entry as the REST API spells it (ObjectStats). */
export interface ObjectStats {
  path: string;
  path_type: 'object' | 'common_prefix';
  physical_address: string;
  physical_address_expiry?: number;
  checksum: string;
  size_bytes?: number;
  /** Seconds. */
  mtime: number;
  content_type?: string;
  metadata?: Record<string, string>;
}

/** @param presigned whether the listing was asked for presigned addresses */
export function entryOf(stats: ObjectStats, presigned: boolean): LakeEntry {
  // A server that may not presign this one object gives its plain address.
  const signed = presigned && /^https?:\/\/[^?]*\?/i.test(stats.physical_address);
  const entry: LakeEntry = {
    path: stats.path,
    physicalAddress: signed ? '' : stats.physical_address,
    checksum: stats.checksum,
    size: stats.size_bytes ?? 0,
    mtime: stats.mtime * 1000,
  };
  if (stats.content_type) entry.contentType = stats.content_type;
  if (stats.metadata && Object.keys(stats.metadata).length > 0) entry.metadata = stats.metadata;
  if (signed) entry.presignedUrl = stats.physical_address;
  if (signed && stats.physical_address_expiry) entry.presignedExpiry = stats.physical_address_expiry * 1000;
  return entry;
}
