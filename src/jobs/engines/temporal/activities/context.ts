import { type Context as ActivityContext, ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { isError, type SluiceError, toSluiceError } from '../../../../base/errors.ts';
import { type RetryPolicy, retry } from '../../../../stores/retry.ts';
import type { Environment } from '../../../environment.ts';
import type { JobContext } from '../../../kind.ts';
import { withFields } from '../../../log.ts';
import type { JobNote } from '../messages.ts';

/** What a worker's activities have in common. */
export interface Workshop {
  environment: Environment;
  client: Client;
  taskQueue: string;
  /** How a failed part (or plan, or finish) is tried again. */
  retry: RetryPolicy;
  /** Milliseconds between signs of life. */
  beat: number;
}

/** One activity that runs here: its signal, its signs of life, its failure in terms that workflows understand. */
export class Running {
  readonly #shop: Workshop;
  readonly #activity: ActivityContext;
  /** What is said with every sign of life. */
  details: () => unknown = () => this.said;

  constructor(shop: Workshop) {
    this.#shop = shop;
    this.#activity = Context.current();
  }

  get signal(): AbortSignal {
    return this.#activity.cancellationSignal;
  }

  /** The worker ends, or counts as lost by now; the activity is for another one. */
  get leaves(): boolean {
    const { signal } = this;
    return signal.aborted && (signal.reason as Error | undefined)?.message !== 'CANCELLED';
  }

  /** What an attempt before this one said last. */
  get said(): unknown {
    return this.#activity.info.heartbeatDetails;
  }

  /** Milliseconds that the activity waited for a worker. */
  get waited(): number {
    return Math.max(0, Date.now() - this.#activity.info.currentAttemptScheduledTimestampMs);
  }

  beat(): void {
    this.#activity.heartbeat(this.details());
  }

  context(job: JobNote): JobContext {
    const { open, connections, slots, throttle, log } = this.#shop.environment;
    return {
      jobId: job.id,
      attempt: job.attempt,
      startedAt: job.startedAt,
      signal: this.signal,
      ...{ open, connections, slots, throttle },
      log: withFields(log, { job: job.id, kind: job.kind }),
    };
  }

  retried<T>(what: string, { log }: JobContext, work: () => Promise<T>): Promise<T> {
    return retry(work, {
      policy: this.#shop.retry,
      signal: this.signal,
      onRetry: (error, _attempt, delay) =>
        log.warn({ code: error.code, delay }, `${what} is tried again: ${error.message}`),
    });
  }

  /** Does the work with signs of life until it ends. */
  async alive<T>(work: () => Promise<T>): Promise<T> {
    this.beat();
    const timer = setInterval(() => this.beat(), this.#shop.beat);
    try {
      return await work();
    } catch (error) {
      throw this.#failure(error);
    } finally {
      clearInterval(timer);
    }
  }

  #failure(thrown: unknown): unknown {
    if (this.leaves) {
      return ApplicationFailure.retryable('The worker that did it ended; another takes over.', 'UNAVAILABLE');
    }
    if (this.signal.aborted) return this.signal.reason;
    if (thrown instanceof ApplicationFailure) return thrown;
    const error = toSluiceError(thrown);
    if (error.code === 'INTERNAL') {
      this.#shop.environment.log.error({ stack: (error.cause as Error)?.stack }, error.message);
    }
    return failureWith(error);
  }
}

export function failureWith({ message, code }: Pick<SluiceError, 'message' | 'code'>): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}

/** Whether a workflow that was to be told something is there no longer. */
export function isGone(error: unknown): boolean {
  return (error as Error).name === 'WorkflowNotFoundError' || isError(error, 'NOT_FOUND');
}
