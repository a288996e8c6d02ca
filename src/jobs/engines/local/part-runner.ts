import { type SluiceError, toSluiceError } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';
import { type RetryPolicy, retry } from '../../../stores/retry.ts';
import type { JobEvent } from '../../engine.ts';
import { addCounts, type Counts } from '../../job.ts';
import type { JobContext, Kind } from '../../kind.ts';
import type { PartRecord } from '../../part.ts';
import { endedBy, FAILED_IN_A_ROW, failedAlike, type PartEnd } from '../../part-end.ts';
import type { Ledger } from './ledger.ts';

export interface PartRunnerOptions {
  kind: Kind;
  pinned: Json;
  context: JobContext;
  ledger: Ledger;
  retry: RetryPolicy;
  partsAtOnce: number;
  emit: (event: JobEvent) => void;
}

/**
 * Runs the parts of one job, some at once, stage after stage, while the plan may still be growing. Only stage 0
 * starts before the plan is complete.
 */
export class PartRunner {
  /** Why the whole job failed, when not single parts did. */
  failure: SluiceError | undefined;
  readonly #options: PartRunnerOptions;
  readonly #live = new Map<string, Counts>();
  #claimed: PartRecord[] = [];
  #active = 0;
  #stage: number | undefined = 0;
  #planComplete = false;
  /** The plan may have parts that were not seen yet. */
  #mayClaim = true;
  #failedInARow = 0;
  #wake: () => void = () => undefined;

  constructor(options: PartRunnerOptions) {
    this.#options = options;
  }

  planGrew(): void {
    this.#mayClaim = true;
    this.#wake();
  }

  planIsComplete(): void {
    this.#planComplete = true;
    this.planGrew();
  }

  /** What runs ends; nothing more starts. */
  planFailed(error: SluiceError): void {
    if (!this.#options.context.signal.aborted) this.failure ??= error;
    this.planIsComplete();
  }

  /** What the parts in flight have counted so far. */
  live(): Counts {
    const sum: Counts = {};
    for (const counts of this.#live.values()) addCounts(sum, counts);
    return sum;
  }

  /** Resolves when all parts have ended, or nothing more can start and what ran has ended. */
  async run(): Promise<void> {
    const { signal } = this.#options.context;
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const stopped = this.failure !== undefined || signal.aborted;
        if (!stopped) await this.#startSome();
        if (this.#active === 0) {
          if (stopped) break;
          if (this.#planComplete && !this.#mayClaim && !(await this.#nextStage())) break;
          if (this.#mayClaim || this.#claimed.length > 0) continue;
        }
        await woken;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#giveBack();
    }
  }

  async #startSome(): Promise<void> {
    const { ledger, partsAtOnce, context } = this.#options;
    while (this.#active < partsAtOnce) {
      if (this.#claimed.length === 0) {
        if (!this.#mayClaim || this.#stage === undefined) return;
        // The plan may grow while the database is asked.
        this.#mayClaim = false;
        this.#claimed = await ledger.claim(this.#stage, partsAtOnce);
        if (this.#claimed.length === partsAtOnce) this.#mayClaim = true;
        if (this.#claimed.length === 0 || this.failure || context.signal.aborted) return;
      }
      const part = this.#claimed.shift()!;
      this.#active++;
      this.#runPart(part)
        .catch((error) => {
          this.failure ??= toSluiceError(error);
        })
        .finally(() => {
          this.#active--;
          this.#wake();
        });
    }
  }

  /** Moves on to the next stage that has waiting parts; false when there is none, or the barrier stays shut. */
  async #nextStage(): Promise<boolean> {
    const { ledger } = this.#options;
    const stage = await ledger.nextStage();
    if (stage === undefined) return false;
    const failed = ledger.sums.parts.FAILED ?? 0;
    if (failed > 0) {
      await ledger.skipWaiting(
        `${failed} ${failed === 1 ? 'part' : 'parts'} of an earlier stage failed; resume the job to try again.`,
      );
      return false;
    }
    this.#stage = stage;
    this.#mayClaim = true;
    return true;
  }

  /** Claimed parts that were never started wait again. */
  #giveBack(): void {
    const { ledger } = this.#options;
    for (const part of this.#claimed) {
      ledger.end({ id: part.id, status: 'PENDING', counts: {}, failures: [] });
    }
    this.#claimed = [];
  }

  async #runPart(part: PartRecord): Promise<void> {
    const { kind, pinned, context, ledger } = this.#options;
    this.#emit(part, 'TRANSFERRING');
    let end: PartEnd;
    try {
      const result = await retry(
        async (tries) => {
          if (tries > 1) {
            await ledger.startAgain(part.id);
            part.attempts++;
          }
          const live: Counts = {};
          this.#live.set(part.id, live);
          return kind.run(part, pinned, {
            ...context,
            partAttempt: part.attempts,
            progress: (delta) => void addCounts(live, delta),
          });
        },
        {
          policy: this.#options.retry,
          signal: context.signal,
          onRetry: (error, _tries, delay) =>
            context.log.warn(
              { part: part.id, code: error.code, delay },
              `${part.label} is tried again: ${error.message}`,
            ),
        },
      );
      end = { id: part.id, ...endedBy(result) };
      this.#failedInARow = 0;
    } catch (thrown) {
      end = this.#threw(part, thrown);
    }
    this.#live.delete(part.id);
    ledger.end(end);
    this.#emit(part, end.status, end.error);
  }

  #threw(part: PartRecord, thrown: unknown): PartEnd {
    const { context } = this.#options;
    const error = toSluiceError(thrown);
    const failure = { code: error.code, message: error.message };
    // What it did before it broke was done: it counts until the part is tried again.
    const counts = this.#live.get(part.id) ?? {};
    const end = { id: part.id, counts, failures: [], completedAt: Date.now() };
    // What a stop cut short is no failure of its own.
    if (context.signal.aborted) return { ...end, status: 'CANCELED' };
    if (error.code === 'INTERNAL') {
      context.log.error({ part: part.id, stack: (error.cause as Error)?.stack }, error.message);
    }
    if (++this.#failedInARow >= FAILED_IN_A_ROW) {
      this.failure ??= failedAlike(error);
    }
    return { ...end, status: 'FAILED', error: failure };
  }

  #emit(part: PartRecord, status: PartRecord['status'], error?: PartRecord['error']): void {
    const { emit, context } = this.#options;
    emit({
      type: 'part',
      id: context.jobId,
      at: Date.now(),
      part: part.id,
      label: part.label,
      status,
      error,
    });
  }
}
