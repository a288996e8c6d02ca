import type { Connections } from '../base/connections.ts';
import type { Json } from '../base/json.ts';
import type { Limiter } from '../base/limiter.ts';
import type { Throttle } from '../base/throttle.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Counts, JobFailure, Progress } from './job.ts';
import type { Part, PartRecord, PartResult } from './part.ts';

/**
 * How one kind of job works. A Kind knows nothing of the Engine that runs it: every method may run in
 * another process, on another machine, and again after a crash. All that passes between them is JSON.
 */
export interface Kind<Spec extends Json = Json, Pinned extends Json = Json> {
  readonly name: string;

  /** Checks what a user asked, fills in defaults. @throws SluiceError BAD_SPEC with a sentence that says what to do */
  parse(spec: Json): Spec;

  /** Pins what moves (a ref becomes a commit) and checks that the job can start. Called once a job; its answer is kept. */
  prepare(spec: Spec, context: JobContext): Promise<Pinned>;

  /** Keeps others away while the job runs, from before the plan to after finish; renewed by the Engine's calls. */
  hold?(pinned: Pinned, context: JobContext): Promise<Hold>;

  /**
   * Yields the parts in ascending order of id, batch by batch, the same for the same `pinned`.
   * @param after an id: only parts after it (a plan that was interrupted goes on)
   */
  plan(pinned: Pinned, context: JobContext, after?: string): AsyncIterable<Part[]>;

  /**
   * Does one part. Failures of single objects are returned, not thrown; what is thrown fails the part, and
   * is tried again when retryable.
   */
  run(part: Part, pinned: Pinned, context: PartContext): Promise<PartResult>;

  /** Verifies, writes the report, then the marker, last. Called once, whatever the outcome; must be safe to call again. */
  finish(pinned: Pinned, outcome: Outcome, context: JobContext): Promise<FinishResult>;
}

export interface Hold {
  /** Milliseconds between renewals. */
  readonly interval: number;
  /** @throws SluiceError LEASED when another took over */
  renew(): Promise<void>;
  release(): Promise<void>;
}

export interface JobContext {
  readonly jobId: string;
  /** From 1; counts resumes. */
  readonly attempt: number;
  /** When the job was first started, milliseconds since 1970. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
  readonly open: OpenStore;
  readonly connections: Connections;
  /** One limit on concurrent object operations over all parts of all jobs in this process. */
  readonly slots: Limiter;
  /** One limit on the bytes that pass through this process; none when undefined. */
  readonly throttle?: Throttle;
  readonly log: Log;
}

export interface PartContext extends JobContext {
  /** How often this part was started before, from 1. Above 1 some of its work may be done already. */
  readonly partAttempt: number;
  /**
   * Adds to the live counts of this attempt; they are replaced by the result's counts at the end, and stay when
   * the attempt throws.
   */
  progress(delta: Counts): void;
}

export interface Outcome {
  status: 'SUCCESS' | 'FAILED' | 'CANCELED';
  /** Why, when the whole job failed rather than single parts. */
  error?: JobFailure;
  progress: Progress;
  /** All parts, or those of one status, in order of id. */
  parts(filter?: { status?: PartRecord['status'] }): AsyncIterable<PartRecord>;
}

export interface FinishResult {
  /** May turn a SUCCESS into FAILED: a verification that found differences. */
  status: 'SUCCESS' | 'FAILED' | 'CANCELED';
  error?: JobFailure;
  /** The summary that is kept with the job. */
  report: Json;
}

/** Structured log: fields first, then a sentence. Never holds a secret. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
