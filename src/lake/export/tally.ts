import { type SluiceError, toSluiceError } from '../../base/errors.ts';
import { addCounts, type Counts } from '../../jobs/job.ts';
import type { PartContext } from '../../jobs/kind.ts';
import { type ItemFailure, MAX_FAILURES_KEPT, type PartResult } from '../../jobs/part.ts';
import type { ObjectOutcome, OutcomeSink } from './outcomes.ts';

/** Gathers what becomes of a part's objects: into the report's lines, the live counts and the part's result. */
export class Tally {
  readonly counts: Counts = {};
  readonly failures: ItemFailure[] = [];
  /** Paths that failed or were skipped: a verification has nothing to ask of them. At most a part's objects. */
  readonly excused = new Set<string>();
  /** Paths whose bytes were hashed on their way and stored as they came. At most a part's objects. */
  readonly proven = new Set<string>();
  readonly #sink: OutcomeSink;
  readonly #context: PartContext;
  #live: Counts = {};
  #reportedAt = performance.now();

  constructor(context: PartContext, sink: OutcomeSink) {
    this.#context = context;
    this.#sink = sink;
  }

  add(outcome: ObjectOutcome, counts: Counts): void {
    this.#sink.add(outcome);
    if (outcome.outcome === 'failed' || outcome.outcome === 'skipped') this.excused.add(outcome.path);
    addCounts(this.counts, counts);
    addCounts(this.#live, counts);
    const now = performance.now();
    if (now - this.#reportedAt > 100) {
      this.#context.progress(this.#live);
      this.#live = {};
      this.#reportedAt = now;
    }
  }

  fail(path: string, error: unknown, size?: number): void {
    const failure: SluiceError = toSluiceError(error);
    if (this.failures.length < MAX_FAILURES_KEPT)
      this.failures.push({ item: path, code: failure.code, message: failure.message });
    this.add({ path, outcome: 'failed', size, code: failure.code, reason: failure.message }, { failed: 1 });
  }

  /** One object is there with the right size, and nothing tells whether its content is right. */
  unverified(): void {
    this.counts.unverified = (this.counts.unverified ?? 0) + 1;
  }

  result(): PartResult {
    return { counts: this.counts, failures: this.failures };
  }
}
