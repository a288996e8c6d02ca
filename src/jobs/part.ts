import type { Json } from '../base/json.ts';
import type { Counts, JobFailure, PartStatus } from './job.ts';

/**
 * The smallest piece that is retried and resumed: a small JSON value (a key range, a UUID range, a table),
 * never a list of objects. Running it twice does no harm.
 */
export interface Part {
  /** Unique in the job, the same whenever the same plan is made again; plans yield ids in ascending order. */
  id: string;
  /** Parts of a stage start when every part of the earlier stages has ended well. From 0. */
  stage: number;
  /** For people. */
  label: string;
  body: Json;
  /** What is planned in it, where known: plannedObjects, plannedBytes. */
  counts?: Counts;
}

/** One object, row or table that did not make it. */
export interface ItemFailure {
  item: string;
  code: string;
  message: string;
}

export interface PartResult {
  counts: Counts;
  /** At most MAX_FAILURES_KEPT are kept here (all are in the report's object lines); the part is FAILED when there are any. */
  failures?: ItemFailure[];
  /** The part had nothing that could be done; the reason. */
  skipped?: string;
  /** For `Kind.finish`; small. */
  data?: Json;
}

export const MAX_FAILURES_KEPT = 100;

/** A part as an Engine remembers it. */
export interface PartRecord extends Part {
  status: PartStatus;
  attempts: number;
  counts: Counts;
  failures: ItemFailure[];
  error?: JobFailure;
  skipped?: string;
  data?: Json;
  startedAt?: number;
  completedAt?: number;
}
