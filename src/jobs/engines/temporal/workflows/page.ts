import {
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobFailure } from '../../../job.ts';
import { FAILED_IN_A_ROW } from '../../../part-end.ts';
import { PageBook } from '../book.ts';
import type { Ended, PageInput, PageRested, PartEvent, RecallResult, TaskResult } from '../messages.ts';
import { close, go, pageQuery, proven, rested, skip, stop, work } from './calls.ts';

/** Events of parts that are kept for whoever asks. */
const MOST_EVENTS = 500;
const LARGEST_WINDOW = 128;
/** A task that was taken so soon: there are workers with nothing to do. */
const SOON_MS = 250;
/** A task that had to wait so long: more of them in the queue help nobody, and keep other jobs waiting. */
const LATE_MS = 2000;

/** A task that takes so much longer than it was to take leaves the rest of its parts. */
const PATIENCE = 4;

/** The parts of one page, run as tasks whenever the job says so. */
export async function sluicePage(input: PageInput): Promise<void> {
  await CancellationScope.nonCancellable(() => new Page(input).live());
}

class Page {
  readonly #input: PageInput;
  readonly #book: PageBook;
  readonly #work: ReturnType<typeof work>;
  #scope = new CancellationScope();
  /** Runs parts of stages up to this one; undefined at rest. */
  #stage: number | undefined;
  #stopping = false;
  #closed = false;
  #ready: boolean;
  /** The job waits to hear of a part that ends well. */
  #mayTell = false;
  #tasks = 0;
  #window: number;
  /** Milliseconds a part takes, on average of late; undefined before the first has ended well. */
  #pace: number | undefined;
  /** The stage that the pace is of. */
  #pacedStage: number | undefined;
  #events: PartEvent[] = [];
  #next = 0;
  #failedInARow = 0;
  #allFailed = true;
  #lastError: JobFailure | undefined;

  constructor(input: PageInput) {
    this.#input = input;
    this.#book = new PageBook(input.parts);
    this.#work = work(workflowInfo().taskQueue, input.tuning);
    this.#window = input.tuning.window;
    this.#ready = input.before === undefined;
    setHandler(go, (stage, tell, pace) => this.#go(stage, tell, pace));
    setHandler(stop, (how) => {
      this.#stopping = true;
      if (how === 'cut') this.#scope.cancel();
    });
    setHandler(skip, (reason) => this.#book.skip(reason, Date.now()));
    setHandler(close, () => {
      this.#closed = true;
    });
    setHandler(pageQuery, (since = 0) => ({
      done: this.#book.done(),
      events: this.#events.slice(Math.max(0, this.#events.length - (this.#next - since))),
      next: this.#next,
    }));
  }

  async live(): Promise<void> {
    if (this.#input.before !== undefined) await this.#recall(this.#input.before);
    for (;;) {
      await condition(() => this.#closed || this.#stage !== undefined);
      if (this.#stage === undefined) return;
      await this.#run(this.#stage);
      this.#stage = undefined;
      const report: PageRested = {
        page: this.#input.page,
        stage: this.#book.stage,
        statuses: this.#book.statuses,
        done: this.#book.done(),
        firstFailed: this.#book.firstFailed(),
        failedInARow: this.#failedInARow,
        allFailed: this.#allFailed,
        lastError: this.#lastError,
        pace: this.#pace,
        run: this.#input.job.run,
      };
      // A job that is no longer there needs no report.
      await getExternalWorkflowHandle(this.#input.job.id)
        .signal(rested, report)
        .catch(() => undefined);
    }
  }

  async #recall(run: string): Promise<void> {
    const { job, page } = this.#input;
    for (let from: number | undefined = 0; from !== undefined; ) {
      const part: RecallResult = await this.#work.recallPage({ job: job.id, page, run, from });
      this.#book.restore(part.ended);
      from = part.next;
    }
    this.#ready = true;
  }

  #go(stage: number, tell: boolean, pace: number | undefined): void {
    // Pages that were started by Sluice 0.1.0 find out for themselves, and cut ever smaller tasks.
    if (patched('pace') && stage !== this.#pacedStage) {
      // Parts of another stage are of another sort.
      this.#pacedStage = stage;
      this.#pace = pace;
    }
    this.#mayTell = tell;
    this.#stage = stage;
    this.#stopping = false;
    this.#scope = new CancellationScope();
    this.#failedInARow = 0;
    this.#allFailed = true;
  }

  async #run(stage: number): Promise<void> {
    await condition(() => this.#ready);
    for (;;) {
      while (!this.#stopping && this.#tasks < this.#window) {
        const parts = this.#book.take(stage, this.#taskSize(stage));
        if (parts.length === 0) break;
        this.#tasks++;
        void this.#task(parts).finally(() => this.#tasks--);
      }
      if (this.#tasks === 0) return;
      const tasks = this.#tasks;
      await condition(() => this.#tasks < tasks);
    }
  }

  /** As many parts as take about as long as a task should, and some for other workers. */
  #taskSize(stage: number): number {
    const { taskParts, taskMs, taskLeastMs = 0 } = this.#input.tuning;
    if (this.#pace === undefined) return 1;
    const pace = Math.max(this.#pace, 0.1);
    const least = this.#pacedStage === undefined ? 0 : Math.floor(taskLeastMs / pace);
    const share = Math.max(least, Math.ceil(this.#book.waiting(stage) / 4));
    return Math.max(1, Math.min(taskParts, Math.floor(taskMs / pace), share));
  }

  async #task(parts: { part: { id: string; label: string }; attempts: number }[]): Promise<void> {
    const { job, pinned, tuning } = this.#input;
    const ids = parts.map(({ part }) => part.id);
    try {
      const input = { job, pinned, parts: parts as never, endsAfter: PATIENCE * tuning.taskMs };
      const result = await this.#scope.run(() => this.#work.runParts(input));
      this.#note(result);
      const ended = new Set(result.ended.map(({ id }) => id));
      this.#book.giveBack(ids.filter((id) => !ended.has(id)));
    } catch (error) {
      if (isCancellation(error)) this.#book.giveBack(ids);
      else for (const end of this.#book.lost(ids, Date.now())) this.#tell(end, parts[0]!.part.label);
    }
  }

  #note({ ended, waited, took, succeeded }: TaskResult): void {
    for (const each of ended) {
      const part = this.#book.end(each);
      if (part) this.#tell(each, part.label);
    }
    if (succeeded > 0) {
      if (this.#mayTell) {
        this.#mayTell = false;
        const job = getExternalWorkflowHandle(this.#input.job.id);
        void job.signal(proven, this.#input.job.run).catch(() => undefined);
      }
      const pace = took / succeeded;
      this.#pace = this.#pace === undefined ? pace : 0.7 * this.#pace + 0.3 * pace;
    }
    if (succeeded > 0 && waited < SOON_MS) this.#window = Math.min(LARGEST_WINDOW, this.#window + 1);
    else if (waited > LATE_MS) this.#window = Math.max(this.#input.tuning.window, this.#window - 1);
  }

  #tell({ id, status, error, failures }: Ended, label: string): void {
    this.#events.push({ at: Date.now(), part: id, label, status, error });
    if (this.#events.length > MOST_EVENTS) this.#events.shift();
    this.#next++;
    if (status === 'FAILED' && failures.length === 0) {
      this.#failedInARow++;
      this.#lastError = error;
      if (this.#failedInARow >= FAILED_IN_A_ROW) this.#stopping = true;
    } else if (status !== 'CANCELED') {
      this.#failedInARow = 0;
      this.#allFailed = false;
    }
  }
}
