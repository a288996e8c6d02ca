import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import type { JobFailure, JobStatus } from '../../../job.ts';
import type { Outcome } from '../../../kind.ts';
import { partsFailed } from '../../../part-end.ts';
import { noSums, statusesOf } from '../book.ts';
import type { JobInput, JobMemo, JobNote, JobState } from '../messages.ts';
import { cancel, failureOf, goOn, held, holdEnded, jobQuery, work } from './calls.ts';
import { isStale, Pages } from './pages.ts';
import { cancelOther, startHold } from './start.ts';

/**
 * A job, from prepare to finish. A cancellation of the workflow itself is taken as one of the job.
 * @throws ApplicationFailure when the job FAILED, so that Temporal shows it as such
 */
export async function sluiceJob(input: JobInput): Promise<void> {
  const job = new Job(input);
  CancellationScope.current().cancelRequested.catch(() => job.cancel());
  await CancellationScope.nonCancellable(() => job.run());
}

interface Ending {
  status: JobStatus;
  error?: JobFailure | undefined;
  report?: Json;
}

class Job {
  readonly #input: JobInput;
  readonly #note: JobNote;
  readonly #state: JobState;
  readonly #pages: Pages;
  readonly #work: ReturnType<typeof work>;
  #status: JobStatus = 'STARTED';
  #pinned: Json | undefined;
  #ending: Ending | undefined;
  #completedAt: number | undefined;
  #attempts: number;
  #holds = false;
  #held = false;
  #releasing = false;
  /** What is going on now; a stop cancels it. */
  #scope = new CancellationScope();

  constructor(input: JobInput) {
    this.#input = input;
    const { workflowId, taskQueue, firstExecutionRunId: run } = workflowInfo();
    this.#attempts = input.attempts;
    this.#pinned = input.pinned;
    const startedAt = input.startedAt ?? Date.now();
    this.#note = { id: workflowId, kind: input.kind, attempt: input.attempts, startedAt, run };
    this.#work = work(taskQueue, input.tuning);
    this.#state = input.state ?? {
      ...{ sums: noSums(), planned: input.planned ?? false, planning: false, holding: false, pages: [] },
      ...{ reported: {}, active: [], stage: 0, cancel: false, failedInARow: 0, proven: false },
    };
    this.#pages = new Pages(this.#note, this.#state, input.tuning);
    if (input.state) this.#status = 'TRANSFERRING';
    setHandler(cancel, () => this.cancel());
    setHandler(goOn, () => {
      this.#attempts++;
      this.#remember();
    });
    setHandler(held, (run) => {
      if (!isStale(this.#note, run)) this.#held = true;
    });
    setHandler(holdEnded, (failure, run) => {
      if (isStale(this.#note, run)) return;
      const state = this.#state;
      if (failure && !this.#releasing) {
        // One that was had and is lost is another's by now, who writes to the destination.
        if (this.#held || input.state) state.lost ??= failure;
        else state.failure ??= failure;
        this.#scope.cancel();
      }
      state.holding = false;
    });
    setHandler(jobQuery, (since = 0) => ({
      job: this.#noted(),
      pinned: this.#pinned,
      active: this.#state.active.map((page) => ({ page, reported: this.#state.reported[page] })),
      statuses: statusesOf(this.#state.pages, this.#state.active),
      rested: this.#pages.restedSince(since),
    }));
  }

  cancel(): void {
    if (this.#ending) return;
    this.#state.cancel = true;
    this.#scope.cancel();
  }

  async run(): Promise<void> {
    let ending: Ending;
    try {
      ending = await this.#attempt();
    } catch (error) {
      // It continues as new.
      if (error instanceof Error && error.name === 'ContinueAsNew') throw error;
      ending = isCancellation(error) && this.#state.cancel ? { status: 'CANCELED' } : failed(error);
    }
    await this.#release();
    await this.#pages.close();
    this.#ending = ending;
    this.#status = ending.status;
    this.#completedAt = Date.now();
    this.#remember();
    if (ending.status === 'FAILED') {
      const { code, message } = ending.error ?? { code: 'INTERNAL', message: '' };
      throw ApplicationFailure.nonRetryable(message, code);
    }
  }

  async #attempt(): Promise<Ending> {
    const input = this.#input;
    const state = this.#state;
    if (!input.state) {
      this.#remember();
      if (this.#pinned === undefined) {
        const asked = { job: this.#note, spec: input.spec };
        const { pinned, holds } = await this.#scope.run(() => this.#work.prepare(asked));
        this.#pinned = pinned;
        this.#holds = holds;
      } else {
        this.#holds = true;
      }
      if (input.resumed) await this.#pages.reopen(this.#work, this.#pinned, this.#scope);
      if (state.pages.length < (input.pages ?? 0)) {
        throw ApplicationFailure.nonRetryable(
          'Temporal no longer keeps the parts of this job: its namespace keeps what has ended for a limited time. Start the job anew, under another id.',
          'NOT_FOUND',
        );
      }
      if (this.#holds) await this.#hold(this.#pinned);
      // Without the hold nothing may be done, and nothing was.
      if (state.failure) return { status: 'FAILED', error: state.failure };
      this.#status = 'TRANSFERRING';
      this.#remember();
      if (!state.planned && !this.#stopped) await this.#pages.plan(this.#pinned, () => this.#stopped);
    }
    await this.#pages.run({
      stopped: () => this.#stopped,
      next: () => ({ ...this.#input, ...this.#again(), state }),
      memo: () => this.#memo(),
    });
    return this.#finish(this.#pinned!);
  }

  /** Why pages are to stop, cutting short what is in flight. */
  get #stopped(): boolean {
    return this.#state.cancel || this.#state.lost !== undefined;
  }

  async #hold(pinned: Json): Promise<void> {
    const state = this.#state;
    if (this.#stopped) return;
    state.holding = true;
    const input = { job: this.#note, pinned, tuning: this.#input.tuning };
    if (!(await startHold(input, () => this.#stopped))) state.holding = false;
    await condition(() => this.#held || !state.holding || this.#stopped);
  }

  async #release(): Promise<void> {
    if (!this.#state.holding) return;
    this.#releasing = true;
    await cancelOther(this.#note.id, 'hold');
    await condition(() => !this.#state.holding);
  }

  async #finish(pinned: Json): Promise<Ending> {
    const state = this.#state;
    // A cancel in the middle of a finish makes it start again with that outcome.
    for (;;) {
      if (state.lost) return { status: 'FAILED', error: state.lost };
      const outcome = this.#outcome();
      this.#scope = new CancellationScope();
      try {
        const input = { job: this.#note, pinned, outcome, pages: state.pages };
        const result = await this.#scope.run(() => this.#work.finish(input));
        const status = outcome.status === 'SUCCESS' ? result.status : outcome.status;
        return { status, error: result.error ?? outcome.error, report: result.report };
      } catch (error) {
        const stopped = state.lost || (state.cancel && outcome.status !== 'CANCELED');
        if (isCancellation(error) && stopped) continue;
        return { ...failed(error), status: outcome.status === 'CANCELED' ? 'CANCELED' : 'FAILED' };
      }
    }
  }

  #outcome(): Omit<Outcome, 'parts'> {
    const state = this.#state;
    const progress = this.#pages.progress();
    if (state.cancel) return { status: 'CANCELED', progress };
    if (state.failure) return { status: 'FAILED', error: state.failure, progress };
    return (progress.parts.FAILED ?? 0) > 0
      ? { status: 'FAILED', error: partsFailed(progress, state.firstFailed!), progress }
      : { status: 'SUCCESS', progress };
  }

  #again(): Partial<JobInput> {
    return { attempts: this.#attempts, startedAt: this.#note.startedAt, pinned: this.#pinned };
  }

  #noted(): NonNullable<JobMemo['job']> {
    const { kind, spec, createdAt } = this.#input;
    return {
      ...{ kind, spec, createdAt, status: this.#status, startedAt: this.#note.startedAt },
      ...{ completedAt: this.#completedAt, progress: this.#pages.progress(), error: this.#ending?.error },
      attempts: this.#attempts,
    };
  }

  #memo(): Record<string, unknown> {
    const statuses = this.#ending && statusesOf(this.#state.pages, []);
    return { job: this.#noted(), pinned: this.#pinned, report: this.#ending?.report, statuses };
  }

  /** Puts what is known where it is read without any worker. */
  #remember(): void {
    upsertMemo(JSON.parse(JSON.stringify(this.#memo())));
  }
}

function failed(error: unknown): Ending {
  return { status: 'FAILED', error: failureOf(error) };
}
