import type { LakeEntry } from './entry.ts';

/** What the REST API answers, in the names it uses, where it is passed on as it is. Times are in seconds. */
export interface Repository {
  id: string;
  storage_namespace: string;
  default_branch: string;
  read_only?: boolean;
  creation_date: number;
}

export interface Commit {
  id: string;
  parents: string[];
  committer: string;
  message: string;
  creation_date: number;
  meta_range_id: string;
  metadata?: Record<string, string>;
  generation?: number;
}

export interface Ref {
  id: string;
  commit_id: string;
}

export interface StorageConfig {
  blockstore_type: string;
  pre_sign_support: boolean;
  pre_sign_multipart_upload?: boolean;
  blockstore_namespace_example?: string;
  default_namespace_prefix?: string;
}

export type ChangeType = 'added' | 'removed' | 'changed' | 'conflict' | 'prefix_changed';

/** A line of a diff. `size` (bytes) is that of the right side, or of the left one for what was removed. */
export interface DiffLine {
  path: string;
  type: ChangeType;
  size?: number;
}

export interface EntryPage {
  entries: LakeEntry[];
  /** Common prefixes, when a delimiter was given; in key order. */
  prefixes: string[];
  /** Where the next page goes on; undefined on the last. */
  next?: string;
}

export interface ListEntriesOptions {
  prefix?: string;
  /** Only paths after this one. */
  after?: string;
  delimiter?: string;
  /** Presigned addresses instead of physical ones. */
  presign?: boolean;
  /** Entries of a page, at most and by default 1,000. */
  amount?: number;
  signal?: AbortSignal;
}

export interface DiffOptions {
  prefix?: string;
  after?: string;
  amount?: number;
  signal?: AbortSignal;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/** Where to put the bytes of an object that is linked to a branch afterwards. */
export interface StagingLocation {
  physical_address?: string;
  presigned_url?: string | null;
  presigned_url_expiry?: number;
}

/** An upload in parts that lakeFS began in its object store. */
export interface StagedUpload {
  repository: string;
  branch: string;
  path: string;
  /** The object store's own. */
  id: string;
  physicalAddress: string;
}
