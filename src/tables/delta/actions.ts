import { SluiceError } from '../../base/errors.ts';

/**
 * The actions of a Delta log, as the Delta transaction log protocol names them (section "Actions"). Only fields
 * that are looked at are typed; any other is kept and passed on as it is.
 */
export interface DeletionVector {
  /** u: file named by a UUID below the table, i: inline, p: file at an absolute URI. */
  storageType: 'u' | 'i' | 'p';
  pathOrInlineDv: string;
  offset?: number;
  sizeInBytes: number;
  /** Rows that are deleted. */
  cardinality: number;
}

export interface Add {
  /** A percent-encoded URI, relative to the table's root or absolute. */
  path: string;
  partitionValues: Record<string, string | null>;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  modificationTime: number;
  dataChange: boolean;
  /** JSON; kept as text since its numbers may not fit a JavaScript number. */
  stats?: string;
  tags?: Record<string, string | null>;
  deletionVector?: DeletionVector;
  baseRowId?: number;
  defaultRowCommitVersion?: number;
  clusteringProvider?: string;
}

export interface Remove {
  path: string;
  /** Milliseconds since 1970. */
  deletionTimestamp?: number;
  dataChange: boolean;
  extendedFileMetadata?: boolean;
  partitionValues?: Record<string, string | null>;
  size?: number;
  stats?: string;
  tags?: Record<string, string | null>;
  deletionVector?: DeletionVector;
  baseRowId?: number;
  defaultRowCommitVersion?: number;
}

export interface MetaData {
  id: string;
  name?: string;
  description?: string;
  format: { provider: string; options?: Record<string, string> };
  /** The schema as JSON (protocol, "Schema Serialization Format"). */
  schemaString: string;
  partitionColumns: string[];
  configuration?: Record<string, string>;
  createdTime?: number;
}

export interface Protocol {
  minReaderVersion: number;
  minWriterVersion: number;
  readerFeatures?: string[];
  writerFeatures?: string[];
}

export interface Txn {
  appId: string;
  version: number;
  lastUpdated?: number;
}

export interface DomainMetadata {
  domain: string;
  configuration: string;
  removed: boolean;
}

export interface CommitInfo {
  timestamp?: number;
  inCommitTimestamp?: number;
  operation?: string;
  operationParameters?: Record<string, unknown>;
  engineInfo?: string;
  [field: string]: unknown;
}

export interface Sidecar {
  /** Relative to `_delta_log/_sidecars`, or absolute. */
  path: string;
  sizeInBytes: number;
}

/** One line of a log: an object with exactly one of these. */
export interface Action {
  add?: Add;
  remove?: Remove;
  metaData?: MetaData;
  protocol?: Protocol;
  txn?: Txn;
  domainMetadata?: DomainMetadata;
  commitInfo?: CommitInfo;
  sidecar?: Sidecar;
  cdc?: unknown;
  checkpointMetadata?: unknown;
}

/** @throws SluiceError CORRUPT, naming the file */
export function parseAction(line: string, file: string): Action {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Action;
  } catch {
    // Told below.
  }
  throw new SluiceError('CORRUPT', `${file} holds a line that is no Delta action: ${line.slice(0, 80)}`, {
    retryable: false,
  });
}

/** Which deletion vector of a file is meant; '' is none (protocol, "Deletion Vectors": uniqueId). */
export function deletionVectorId(vector: DeletionVector | undefined): string {
  if (!vector) return '';
  const at = vector.offset === undefined || vector.offset === null ? '' : `@${vector.offset}`;
  return `${vector.storageType}${vector.pathOrInlineDv}${at}`;
}

/** Rows of the file that are not deleted; undefined where the log has no statistics of it. */
export function liveRecords(add: Pick<Add, 'stats' | 'deletionVector'>): number | undefined {
  const records = numRecords(add.stats);
  return records === undefined ? undefined : records - (add.deletionVector?.cardinality ?? 0);
}

function numRecords(stats: string | undefined): number | undefined {
  if (!stats) return undefined;
  // Statistics of wide tables are long and this is asked for each file: the number is nearly always at the start.
  const early = /^\s*\{\s*"numRecords"\s*:\s*(\d+)\s*[,}]/.exec(stats);
  if (early) return Number(early[1]);
  try {
    const value = (JSON.parse(stats) as { numRecords?: unknown }).numRecords;
    return typeof value === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}
