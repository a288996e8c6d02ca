import { isError, SluiceError, toSluiceError } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';
import { compareKeys } from '../../../base/keys.ts';
import { type RetryPolicy, retry } from '../../../stores/retry.ts';
import type { JobEvent } from '../../engine.ts';
import type { Environment } from '../../environment.ts';
import { keepRenewed } from '../../hold.ts';
import { addCounts, type Counts, type JobRecord, type Progress } from '../../job.ts';
import type { JobContext, Kind, Log, Outcome } from '../../kind.ts';
import { withFields } from '../../log.ts';
import { partsFailed } from '../../part-end.ts';
import type { Database } from '../../state/sql.ts';
import { tracedJob } from '../../traced.ts';
import type { StoredJob } from './jobs.ts';
import { Ledger } from './ledger.ts';
import { PartRunner } from './part-runner.ts';

/**
 * Why a run stops before its end: asked by a user, because the engine closes (the job can be resumed), or
 * because the job or the place it writes to is another's by now.
 */
type Stop = 'canceled' | 'closing' | 'lost';

export interface RunOptions {
  db: Database;
  owner: string;
  environment: Environment;
  retry: RetryPolicy;
  partsAtOnce: number;
  emit: (event: JobEvent) => void;
}

type Ending = Pick<JobRecord, 'status' | 'error' | 'report'>;

/** One attempt at one job, from prepare to finish. */
export class JobRun {
  readonly id: string;
  /** Resolves when the attempt is over, however it went; rejects when its end could not be written down. */
  readonly done: Promise<void>;
  readonly #kind: Kind;
  readonly #job: StoredJob;
  readonly #options: RunOptions;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #startedAt: number;
  #runner: PartRunner | undefined;
  #stop: Stop | undefined;
  #failure: SluiceError | undefined;
  /** Aborted when the current phase should end. */
  #phase = new AbortController();
  #emitted = '';

  /** @param turn resolves when the engine lets one more job run */
  constructor(kind: Kind, job: StoredJob, options: RunOptions, turn: Promise<void>) {
    this.id = job.record.id;
    this.#kind = kind;
    this.#job = job;
    this.#options = options;
    this.#startedAt = job.record.startedAt ?? Date.now();
    this.#log = withFields(options.environment.log, { job: this.id, kind: job.record.kind });
    this.#ledger = new Ledger(options.db, job, options.owner, (error) => this.#lose(error));
    this.done = this.#run(turn);
    // Nobody has to wait for a run; its failure is logged.
    this.done.catch((error) => this.#log.error({ error: String(error) }, 'the job could not be ended'));
  }

  cancel(): void {
    this.#requestStop('canceled');
  }

  close(): void {
    this.#requestStop('closing');
  }

  progress(): Progress {
    const { sums } = this.#ledger;
    return { counts: this.#counts(), parts: { ...sums.parts }, planned: sums.planned };
  }

  /** Tells listeners and the database how far it is, when that changed. */
  async tick(): Promise<void> {
    const progress = this.progress();
    const text = JSON.stringify(progress);
    if (text === this.#emitted) return;
    this.#emitted = text;
    this.#options.emit({ type: 'progress', id: this.id, at: Date.now(), progress });
    try {
      await this.#ledger.commit({ live: this.#runner?.live() ?? {} });
    } catch (error) {
      this.#lose(error);
    }
  }

  #counts(): Counts {
    return addCounts({ ...this.#ledger.sums.counts }, this.#runner?.live() ?? {});
  }

  #requestStop(stop: Stop): void {
    const rank = { canceled: 1, closing: 2, lost: 3 };
    if (this.#stop && rank[this.#stop] >= rank[stop]) return;
    this.#stop = stop;
    this.#phase.abort(new SluiceError('CANCELED', `Job ${this.id} was stopped.`));
  }

  /** The database can't be written, or the job is another's: nothing more may be done here. */
  #lose(error: unknown): void {
    this.#failure ??= toSluiceError(error);
    this.#requestStop('lost');
  }

  async #run(turn: Promise<void>): Promise<void> {
    let ending: Ending | undefined;
    try {
      await Promise.race([turn, aborted(this.#phase.signal)]);
      // A canceled job that had begun still gets its finish: a report that says how far it came.
      const begun = this.#job.record.pinned !== undefined;
      const attempt = this.#stop === undefined || (this.#stop === 'canceled' && begun);
      ending = attempt ? await tracedJob(this.#job.record, () => this.#attempt()) : await this.#stopped();
    } catch (error) {
      ending = this.#stop === undefined ? this.#failed(error) : await this.#stopped();
    }
    if (!ending) return;
    const { status, error, report } = ending;
    await this.#ledger.commit({
      status,
      error: error ?? null,
      report,
      completedAt: Date.now(),
      live: {},
      cancel: false,
    });
    this.#options.emit({ type: 'progress', id: this.id, at: Date.now(), progress: this.progress() });
    this.#options.emit({ type: 'status', id: this.id, at: Date.now(), status, error });
    this.#log.info({ status, error, counts: this.#ledger.sums.counts }, 'job ended');
  }

  /** What a stop before the first part leaves behind. */
  async #stopped(): Promise<Ending | undefined> {
    if (this.#stop === 'canceled') return { status: 'CANCELED' };
    await this.#leave();
    return undefined;
  }

  /** Lets go of a job that has not ended; once this engine is closed, anyone can go on with it. */
  async #leave(): Promise<void> {
    if (this.#failure && !isError(this.#failure, 'CONFLICT')) throw this.#failure;
    if (this.#stop === 'closing') await this.#ledger.commit({ live: {} });
  }

  #failed(thrown: unknown): Ending {
    const error = toSluiceError(thrown);
    if (error.code === 'INTERNAL') this.#log.error({ stack: (error.cause as Error)?.stack }, error.message);
    return { status: 'FAILED', error: { code: error.code, message: error.message } };
  }

  #context(signal: AbortSignal): JobContext {
    const { open, connections, slots, throttle } = this.#options.environment;
    return {
      jobId: this.id,
      attempt: this.#job.record.attempts,
      startedAt: this.#startedAt,
      signal,
      open,
      connections,
      slots,
      throttle,
      log: this.#log,
    };
  }

  #retried<T>(what: string, work: () => Promise<T>): Promise<T> {
    return retry(work, {
      policy: this.#options.retry,
      signal: this.#phase.signal,
      onRetry: (error, _attempt, delay) =>
        this.#log.warn({ code: error.code, delay }, `${what} is tried again: ${error.message}`),
    });
  }

  async #attempt(): Promise<Ending | undefined> {
    const { record } = this.#job;
    await this.#ledger.commit({ startedAt: this.#startedAt });
    if (this.#stop === 'canceled') this.#phase = new AbortController();
    let pinned = record.pinned;
    if (pinned === undefined) {
      const context = this.#context(this.#phase.signal);
      pinned = await this.#retried('prepare', () => this.#kind.prepare(record.spec, context));
      await this.#ledger.commit({ pinned });
    }
    const hold = await this.#retried(
      'hold',
      async () => await this.#kind.hold?.(pinned, this.#context(this.#phase.signal)),
    );
    const renewal = hold && keepRenewed(hold, this.#log, (error) => this.#lose(error));
    try {
      const error = this.#stop === undefined ? await this.#transfer(pinned) : undefined;
      return await this.#finish(pinned, error);
    } finally {
      renewal?.stop();
      if (hold && this.#stop !== 'lost') {
        await hold
          .release()
          .catch((error) =>
            this.#log.warn({ error: String(error) }, 'the hold could not be released; it will expire'),
          );
      }
    }
  }

  /** Plans and runs parts; gives why the whole job failed, when it did. */
  async #transfer(pinned: Json): Promise<SluiceError | undefined> {
    await this.#ledger.commit({ status: 'TRANSFERRING' });
    this.#options.emit({ type: 'status', id: this.id, at: Date.now(), status: 'TRANSFERRING' });
    await this.#ledger.reset();
    const context = this.#context(this.#phase.signal);
    const runner = new PartRunner({
      kind: this.#kind,
      pinned,
      context,
      ledger: this.#ledger,
      retry: this.#options.retry,
      partsAtOnce: this.#options.partsAtOnce,
      emit: this.#options.emit,
    });
    this.#runner = runner;
    const running = runner.run().catch((error) => this.#lose(error));
    try {
      if (!this.#ledger.sums.planned) await this.#retried('plan', () => this.#plan(pinned, context, runner));
      runner.planIsComplete();
    } catch (error) {
      runner.planFailed(toSluiceError(error));
    }
    await running;
    return this.#failure ?? runner.failure;
  }

  async #plan(pinned: Json, context: JobContext, runner: PartRunner): Promise<void> {
    for await (const batch of this.#kind.plan(pinned, context, this.#ledger.planAfter)) {
      if (context.signal.aborted) throw context.signal.reason;
      let last = this.#ledger.planAfter;
      for (const part of batch) {
        if (last !== undefined && compareKeys(part.id, last) <= 0) {
          throw new SluiceError('INTERNAL', `The plan gave part ${part.id} after ${last}: ids must ascend.`);
        }
        last = part.id;
      }
      await this.#ledger.plan(batch);
      runner.planGrew();
      // A plan that never waits must not keep parts from running.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (context.signal.aborted) throw context.signal.reason;
    await this.#ledger.planned();
  }

  /** Ends the job by the kind's finish; undefined when the job is left for a later resume. */
  async #finish(pinned: Json, failure: SluiceError | undefined): Promise<Ending | undefined> {
    // A cancel in the middle of a finish makes it start again with that outcome.
    for (;;) {
      if (this.#stop === 'closing' || (this.#stop === 'lost' && !isError(failure, 'LEASED'))) {
        await this.#leave();
        return undefined;
      }
      // Another writes to the destination by now: no report and no marker from here.
      if (this.#stop === 'lost') return this.#failed(failure);
      const stop = this.#stop;
      const outcome = await this.#outcome(failure);
      this.#phase = new AbortController();
      try {
        const context = this.#context(this.#phase.signal);
        const result = await this.#retried('finish', () => this.#kind.finish(pinned, outcome, context));
        const status = outcome.status === 'SUCCESS' ? result.status : outcome.status;
        return { status, error: result.error ?? outcome.error, report: result.report };
      } catch (error) {
        if (this.#stop === stop) {
          const failed = this.#failed(error);
          return { ...failed, status: outcome.status === 'CANCELED' ? 'CANCELED' : 'FAILED' };
        }
        if (this.#failure) failure = this.#failure;
      }
    }
  }

  async #outcome(failure: SluiceError | undefined): Promise<Outcome> {
    await this.#ledger.commit();
    const ledger = this.#ledger;
    const failed = ledger.sums.parts.FAILED ?? 0;
    const common = { progress: this.progress(), parts: ledger.parts.bind(ledger) };
    if (this.#stop === 'canceled') return { status: 'CANCELED', ...common };
    if (failure) {
      return { status: 'FAILED', error: { code: failure.code, message: failure.message }, ...common };
    }
    return failed > 0
      ? { status: 'FAILED', error: partsFailed(ledger.sums, (await ledger.firstFailed())!), ...common }
      : { status: 'SUCCESS', ...common };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
