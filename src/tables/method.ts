import type { Limiter } from '../base/limiter.ts';
import type { Counts } from '../jobs/job.ts';
import type { Log } from '../jobs/kind.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import type { MetaData, Protocol } from './delta/actions.ts';
import type { Totals } from './delta/file-set.ts';

/** A file of the lake at a commit, with the place where its bytes lie. */
export interface LakeFile {
  /** Relative to the repository. */
  path: string;
  /** `s3://bucket/key`, the key not encoded. */
  address: string;
  size: number;
  /** Equal checksums at one path are equal content. */
  checksum: string;
}

export interface LakeChange {
  path: string;
  type: 'added' | 'removed' | 'changed';
}

/** What the descriptor of a Hive-style table says of it. */
export interface HiveTable {
  partitionColumns: string[];
  /** A Spark struct type. */
  schema: unknown;
}

/** A table in a repository, at one commit. */
export interface TableSource {
  /** Present when the folder holds no Delta log but plain Parquet files. */
  hive?: HiveTable;
  repository: string;
  branch: string;
  /** Full id. */
  commit: string;
  /** When the commit was made, milliseconds since 1970. */
  committedAt: number;
  /** The table's folder in the repository, ending with '/'. */
  root: string;
  /** The repository at the commit; keys are paths in it. */
  store: Store;
  /** Files below `root` in key order, after a path. */
  list(options: { after?: string; pageSize?: number; signal?: AbortSignal }): AsyncIterable<LakeFile[]>;
  /** What differs below `root` from an earlier commit; undefined when that commit is not there any more. */
  diff(since: string, signal?: AbortSignal): Promise<AsyncIterable<LakeChange[]> | undefined>;
  /** Copies a file's bytes to a Store by the shortest way, and checks them. */
  carry(file: LakeFile, to: { store: Store; key: string }, signal: AbortSignal): Promise<void>;
}

/** Where a table goes: one place for a branch. */
export interface TableTarget {
  /** As the catalog names it, without a '/' at its end. */
  uri: string;
  store: Store;
  /** The folder in the Store, ending with '/'. */
  root: string;
}

/** What an earlier export of the same table left, from its state object. */
export interface Exported {
  method: string;
  commit: string;
  sourceRoot: string;
  sourceVersion: number;
  targetVersion: number;
  /** Of the target's newest version file. */
  targetTag?: string;
  totals: Totals;
  /** Of the source. */
  protocol: Protocol;
  metaData: MetaData;
}

export interface MethodOptions {
  /** Readable names of data addresses: prefix → what readers know it by; the longest prefix wins. */
  addresses: Record<string, string>;
  allowFeatures: readonly string[];
  /** Days that replaced versions, and the files only they need, are kept. */
  retentionDays: number;
}

export interface MethodContext {
  signal: AbortSignal;
  open: OpenStore;
  slots: Limiter;
  log: Log;
  progress(delta: Counts): void;
}

export interface ExportRequest {
  source: TableSource;
  target: TableTarget;
  earlier?: Exported;
  options: MethodOptions;
}

export interface ExportResult {
  exported: Exported;
  /** Whether the target has a new version. */
  written: boolean;
  counts: Counts;
  /** For the report: run pages, versions. */
  details: Record<string, string | number>;
}

/** One way of making a table appear at its target. Doing it again changes nothing. */
export interface Method {
  readonly name: string;
  /**
   * @throws SluiceError UNSUPPORTED (a table feature), CONFLICT (another writer at the target), CORRUPT (log and
   *   commit do not agree), DIFFERENT (what was written does not read back as the source)
   */
  export(request: ExportRequest, context: MethodContext): Promise<ExportResult>;
}
