import {
  type CancellationScope,
  condition,
  getExternalWorkflowHandle,
  makeContinueAsNewFunc,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import type { Progress } from '../../../job.ts';
import { FAILED_IN_A_ROW, failedAlike } from '../../../part-end.ts';
import { addSums, noSums, subtractSums } from '../book.ts';
import {
  type JobInput,
  type JobNote,
  type JobState,
  type PageRested,
  pageId,
  type Tuning,
  workflowTaskTimeout,
} from '../messages.ts';
import { close, go, keeper, planEnded, planned, proven, rested, skip, stop, type work } from './calls.ts';
import { cancelOther, startPlan } from './start.ts';

/**
 * Far below the 50,000 events and 50 MB at which Temporal ends a workflow, and its 10,000 signals: a worker that does
 * not have the job in memory reads all of it before it can do anything.
 */
const MOST_EVENTS = 1_000;
/** Pages that are told something at once. */
const TOLD_AT_ONCE = 100;
/** Of pages that came to rest, so many are remembered for whoever follows the job. */
const MOST_RESTED = 64;

/** Whether a message is of a run of the job before this one. */
export function isStale({ run }: JobNote, from: string | undefined): boolean {
  return from !== undefined && from !== run;
}

interface Around {
  /** What is in flight is to be cut short. */
  stopped(): boolean;
  /** Input of a run that goes on from here. */
  next(): JobInput;
  memo(): Record<string, unknown>;
}

/** The pages of a job: opens some at once, stage after stage, while the plan may still be growing. */
export class Pages {
  readonly #job: JobNote;
  readonly #state: JobState;
  readonly #tuning: Tuning;
  #last: string | undefined;
  #rested: number[] = [];
  #restedBefore = 0;
  /** Counts what was heard, for conditions. */
  #news = 0;
  #nextPage = 0;
  /** The history was read again; the length that it had after that. */
  #reread = false;
  #rereadAt = 0;
  #canceledPlan = false;

  constructor(job: JobNote, state: JobState, tuning: Tuning) {
    this.#job = job;
    this.#state = state;
    this.#tuning = tuning;
    this.#restedBefore = state.restedBefore ?? 0;
    setHandler(planned, ({ page, stage, statuses, sums, run }) => {
      if (isStale(job, run)) return;
      // Told again by a plan that went on after a crash.
      if (page !== state.pages.length + 1) return;
      state.pages.push([stage, statuses]);
      addSums(state.sums, sums);
      this.#news++;
    });
    setHandler(planEnded, (failure, run) => {
      if (isStale(job, run)) return;
      state.planning = false;
      if (!failure) state.planned = true;
      else if (!this.#canceledPlan) state.failure ??= failure;
      this.#news++;
    });
    setHandler(proven, (run) => {
      if (isStale(job, run)) return;
      state.proven = true;
      this.#news++;
    });
    setHandler(rested, (report) => {
      if (!isStale(job, report.run)) this.#onRested(report);
    });
  }

  progress(): Progress {
    const { sums, planned } = this.#state;
    return { counts: { ...sums.counts }, parts: { ...sums.parts }, planned };
  }

  restedSince(since: number): { from: number; pages: number[] } {
    const from = Math.max(since, this.#restedBefore);
    return { from, pages: this.#rested.slice(from - this.#restedBefore) };
  }

  #onRested(report: PageRested): void {
    const { page, stage, statuses, done } = report;
    const state = this.#state;
    const before = state.reported[page] ?? noSums();
    addSums(state.sums, subtractSums(addSums(noSums(), done), before));
    state.pages[page - 1] = [stage, statuses];
    if (stage < 0) delete state.reported[page];
    else state.reported[page] = done;
    state.active = state.active.filter((each) => each !== page);
    if (!report.allFailed) state.proven = true;
    state.pace = report.pace ?? state.pace;
    this.#rested.push(page);
    if (this.#rested.length > MOST_RESTED) {
      this.#rested.shift();
      this.#restedBefore++;
    }
    if (report.firstFailed && page <= (state.firstFailed?.page ?? page)) {
      state.firstFailed = { page, ...report.firstFailed };
    }
    state.failedInARow = report.allFailed ? state.failedInARow + report.failedInARow : report.failedInARow;
    if (state.failedInARow >= FAILED_IN_A_ROW && report.lastError) {
      const { code, message } = failedAlike(report.lastError);
      state.failure ??= { code, message };
    }
    this.#news++;
  }

  /** Brings back what an earlier run of the job left. */
  async reopen(
    { reopenPages }: ReturnType<typeof work>,
    pinned: Json,
    scope: CancellationScope,
  ): Promise<void> {
    const state = this.#state;
    for (let more = true; more; ) {
      const page = state.pages.length + 1;
      const input = { job: this.#job, pinned, tuning: this.#tuning, page };
      const result = await scope.run(() => reopenPages(input));
      for (const { stage, statuses, sums } of result.pages) {
        state.pages.push([stage, statuses]);
        addSums(state.sums, sums);
      }
      this.#last = result.last ?? this.#last;
      more = result.more;
    }
  }

  async plan(pinned: Json, stopped: () => boolean): Promise<void> {
    const state = this.#state;
    state.planning = true;
    const input = { job: this.#job, pinned, tuning: this.#tuning };
    const at = { page: state.pages.length + 1, after: this.#last };
    if (!(await startPlan({ ...input, ...at }, stopped))) state.planning = false;
  }

  /** Resolves when all parts have ended, or nothing more can start and what ran has ended. */
  async run(around: Around): Promise<void> {
    const state = this.#state;
    for (;;) {
      const news = this.#news;
      if (around.stopped() || state.failure) {
        await this.#stop(around.stopped() ? 'cut' : 'drain', around);
        return;
      }
      await this.#openSome();
      if (this.#goesOnAsNew()) {
        const memo = JSON.parse(JSON.stringify(around.memo()));
        const again = makeContinueAsNewFunc({ memo, workflowTaskTimeout: workflowTaskTimeout(this.#tuning) });
        state.restedBefore = this.#restedBefore + this.#rested.length;
        await again(around.next());
      }
      if (!state.planning && state.active.length === 0) {
        const stages = state.pages.map(([stage]) => stage).filter((stage) => stage >= 0);
        if (stages.length === 0) return;
        const next = stages.reduce((a, b) => Math.min(a, b));
        if (next > state.stage && (state.sums.parts.FAILED ?? 0) > 0 && state.skips === undefined) {
          if (!patched('skip-in-turn')) {
            await this.#skipAll();
            return;
          }
          state.skips = this.#whySkipped();
        }
        // With nothing left that waits, a page comes to rest at once, and says so.
        const stage = state.skips === undefined ? next : Number.MAX_SAFE_INTEGER;
        if (stage > state.stage) delete state.pace;
        state.stage = Math.max(stage, state.stage);
        this.#nextPage = 0;
        continue;
      }
      await condition(() => this.#news !== news || around.stopped());
    }
  }

  /**
   * Whether this is the time to continue as new. Temporal refuses it when a signal came meanwhile, and then the history
   * is read again, which takes so long that the next signal comes: the step after that goes on as ever, which is
   * quick, and only the one after it tries again. In a step that is read again it was not, or was refused.
   */
  #goesOnAsNew(): boolean {
    const { historyLength, continueAsNewSuggested, unsafe } = workflowInfo();
    if (unsafe.isReplaying) {
      this.#reread = true;
      return false;
    }
    if (this.#reread) this.#rereadAt = historyLength;
    this.#reread = false;
    const long = historyLength > (this.#tuning.mostEvents ?? MOST_EVENTS) || continueAsNewSuggested;
    return long && historyLength !== this.#rereadAt;
  }

  async #openSome(): Promise<void> {
    const state = this.#state;
    const atOnce = () => (state.proven ? this.#tuning.pagesAtOnce : 1);
    for (; state.active.length < atOnce() && this.#nextPage < state.pages.length; ) {
      // Pages that end as fast as others are opened would put it off for ever.
      if (this.#goesOnAsNew()) return;
      const page = ++this.#nextPage;
      const stage = state.pages[page - 1]![0];
      if (stage < 0 || stage > state.stage || state.active.includes(page)) continue;
      state.active.push(page);
      await this.#tell([page], async (handle) => {
        if (state.skips !== undefined) await handle.signal(skip, state.skips);
        await handle.signal(go, state.stage, !state.proven, state.pace);
      });
    }
  }

  async #stop(how: 'cut' | 'drain', around: Around): Promise<void> {
    const state = this.#state;
    this.#canceledPlan = true;
    if (state.planning) await cancelOther(this.#job.id, 'plan');
    await this.#tell(state.active, (page) => page.signal(stop, how));
    const idle = (): boolean => state.active.length === 0 && !state.planning;
    await condition(() => idle() || (how === 'drain' && around.stopped()));
    if (idle()) return;
    await this.#tell(state.active, (page) => page.signal(stop, 'cut'));
    await condition(idle);
  }

  /** Says why an earlier stage's failures shut out what comes after. */
  #whySkipped(): string {
    const failed = this.#state.sums.parts.FAILED ?? 0;
    return `${failed} ${failed === 1 ? 'part' : 'parts'} of an earlier stage failed; resume the job to try again.`;
  }

  /** As Sluice 0.1.0 did it, for its jobs that run: all pages at once. */
  async #skipAll(): Promise<void> {
    const state = this.#state;
    const reason = this.#whySkipped();
    const open = state.pages.flatMap(([stage], i) => (stage < 0 ? [] : [i + 1]));
    await this.#tell(open, (page) => page.signal(skip, reason));
    // With nothing left that waits, a page comes to rest at once, and says so.
    state.active = open;
    await this.#tell(open, (page) => page.signal(go, Number.MAX_SAFE_INTEGER, false));
    await condition(() => state.active.length === 0);
  }

  /** Nothing more will be asked of the pages. However many there are, the history of the job does not grow by them. */
  async close(): Promise<void> {
    const pages = this.#state.pages.length;
    if (patched('close-by-worker')) {
      if (pages > 0) await keeper(this.#tuning).closePages({ job: this.#job, pages });
      return;
    }
    const all = this.#state.pages.map((_, i) => i + 1);
    await this.#tell(all, (page) => page.signal(close));
  }

  async #tell(
    pages: readonly number[],
    say: (page: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
  ): Promise<void> {
    const all = [...pages];
    for (let i = 0; i < all.length; i += TOLD_AT_ONCE) {
      await Promise.all(
        all.slice(i, i + TOLD_AT_ONCE).map((page) =>
          say(getExternalWorkflowHandle(pageId(this.#job.id, page))).catch(() => {
            const message = `Page ${page} of the plan is gone from Temporal: it was ended by hand, or kept for too short. Start the job anew under another id.`;
            // One that was done already is not missed.
            if (this.#state.pages[page - 1]![0] < 0) return;
            this.#state.failure ??= { code: 'CORRUPT', message };
            this.#state.active = this.#state.active.filter((each) => each !== page);
          }),
        ),
      );
    }
  }
}
