import type { Json } from '../base/json.ts';

/** `STARTED → TRANSFERRING → SUCCESS · FAILED · CANCELED`, for jobs of every kind. */
export type JobStatus = 'STARTED' | 'TRANSFERRING' | 'SUCCESS' | 'FAILED' | 'CANCELED';

/** Parts wait, run, and end; SKIPPED always has a reason. */
export type PartStatus = 'PENDING' | 'TRANSFERRING' | 'SUCCESS' | 'FAILED' | 'CANCELED' | 'SKIPPED';

export function isFinal(status: JobStatus | PartStatus): boolean {
  return status === 'SUCCESS' || status === 'FAILED' || status === 'CANCELED' || status === 'SKIPPED';
}

/** What was asked. */
export interface Job {
  id: string;
  kind: string;
  spec: Json;
}

/** A job as an Engine remembers it. Times are milliseconds since 1970. */
export interface JobRecord extends Job {
  status: JobStatus;
  createdAt: number;
  startedAt?: number;
  completedAt?: number;
  /** What `Kind.prepare` pinned. */
  pinned?: Json;
  progress: Progress;
  /** The sentence that says why it FAILED. */
  error?: JobFailure;
  /** What `Kind.finish` gave: the summary, with the address of the report. */
  report?: Json;
  /** How often it was started, resumes included. */
  attempts: number;
  /** Not ended, but the process that ran it is gone; `resume` goes on with it. */
  interrupted?: boolean;
}

export interface JobFailure {
  code: string;
  message: string;
}

/**
 * Sums over all parts. Names used by every kind: `objects` done, `bytes` moved, `failed`, `skipped`,
 * `deleted`; `plannedObjects`, `plannedBytes` known so far. A kind may add names of its own.
 */
export type Counts = Record<string, number>;

export interface Progress {
  counts: Counts;
  /** Parts by status. */
  parts: Partial<Record<PartStatus, number>>;
  /** True once the plan is complete, so that planned counts are totals. */
  planned: boolean;
}

export function addCounts(to: Counts, more: Counts): Counts {
  for (const name of Object.keys(more)) to[name] = (to[name] ?? 0) + more[name]!;
  return to;
}

/** What comes to nothing is left out. */
export function subtractCounts(from: Counts, less: Counts): Counts {
  for (const name of Object.keys(less)) {
    from[name] = (from[name] ?? 0) - less[name]!;
    if (from[name] === 0) delete from[name];
  }
  return from;
}
