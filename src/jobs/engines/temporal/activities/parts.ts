import { toSluiceError } from '../../../../base/errors.ts';
import { retry } from '../../../../stores/retry.ts';
import { addCounts } from '../../../job.ts';
import type { JobContext, Kind } from '../../../kind.ts';
import type { Part } from '../../../part.ts';
import { endedBy, FAILED_IN_A_ROW } from '../../../part-end.ts';
import type { Ended, TaskBeat, TaskInput, TaskResult } from '../messages.ts';
import type { Activities } from '../workflows/calls.ts';
import { Running, type Workshop } from './context.ts';

/**
 * Bytes of failures of single objects that are kept of one task, and of a task for each of its parts; the first of each
 * part stays. Where every object of a large job fails, the history of a page of 1,000 parts, which may take 50 MB, grows
 * by 10.
 */
const MOST_FAILURES = 400_000;
const MOST_FAILURES_EACH = 10_000;
/** A task that says more than this ends early, and the rest of its parts are taken anew. */
const MOST_SAID = 1_000_000;

/** Runs the parts of a task one after another. */
export function partActivities(shop: Workshop): Pick<Activities, 'runParts'> {
  async function runParts(input: TaskInput): Promise<TaskResult> {
    const running = new Running(shop);
    const { waited } = running;
    return running.alive(async () => {
      const kind = await shop.environment.kinds.get(input.job.kind);
      return { ...(await new Task(kind, input, running, shop).run()), waited };
    });
  }
  return { runParts };
}

class Task {
  readonly #kind: Kind;
  readonly #input: TaskInput;
  readonly #running: Running;
  readonly #shop: Workshop;
  readonly #context: JobContext;
  readonly #said: TaskBeat;
  #size = 0;
  #failureBytes = 0;
  #took = 0;
  #succeeded = 0;
  #failedInARow = 0;

  constructor(kind: Kind, input: TaskInput, running: Running, shop: Workshop) {
    this.#kind = kind;
    this.#input = input;
    this.#running = running;
    this.#shop = shop;
    this.#context = running.context(input.job);
    // What an attempt of this task did whose worker was lost stays done.
    const before = running.said as TaskBeat | undefined;
    this.#said = {
      ended: (before?.ended ?? []).filter(({ status }) => status !== 'PENDING'),
      begun: before?.begun ?? {},
      live: {},
    };
    running.details = () => this.#said;
  }

  async run(): Promise<Omit<TaskResult, 'waited'>> {
    const done = new Set(this.#said.ended.map(({ id }) => id));
    const { endsAfter = Number.POSITIVE_INFINITY } = this.#input;
    const started = performance.now();
    for (const { part, attempts } of this.#input.parts) {
      if (done.has(part.id)) continue;
      if (this.#running.signal.aborted || this.#size > MOST_SAID) break;
      if (this.#failedInARow >= FAILED_IN_A_ROW) break;
      if (performance.now() - started > endsAfter) break;
      const ended = await this.#part(part, attempts);
      this.#size += JSON.stringify(ended).length;
      this.#said.ended.push(ended);
      this.#said.live = {};
      this.#said.running = undefined;
    }
    return { ended: this.#said.ended, took: this.#took, succeeded: this.#succeeded };
  }

  async #part(part: Part, before: number): Promise<Ended> {
    const { pinned } = this.#input;
    const { begun } = this.#said;
    const started = performance.now();
    const startedAt = Date.now();
    const attempts = () => before + begun[part.id]!;
    this.#said.running = part.id;
    try {
      const result = await retry(
        () => {
          begun[part.id] = (begun[part.id] ?? 0) + 1;
          this.#said.live = {};
          const { live } = this.#said;
          return this.#kind.run(part, pinned, {
            ...this.#context,
            partAttempt: attempts(),
            progress: (delta) => void addCounts(live, delta),
          });
        },
        {
          policy: this.#shop.retry,
          signal: this.#running.signal,
          onRetry: (error, _tries, delay) =>
            this.#context.log.warn(
              { part: part.id, code: error.code, delay },
              `${part.label} is tried again: ${error.message}`,
            ),
        },
      );
      this.#failedInARow = 0;
      this.#took += performance.now() - started;
      this.#succeeded++;
      return this.#trimmed({ id: part.id, ...endedBy(result), attempts: attempts(), startedAt });
    } catch (thrown) {
      return { ...this.#threw(part, thrown), attempts: attempts(), startedAt };
    }
  }

  #threw(part: Part, thrown: unknown): Omit<Ended, 'attempts'> {
    const error = toSluiceError(thrown);
    const { id } = part;
    // Another worker goes on with what this one leaves.
    if (this.#running.leaves) return { id, status: 'PENDING', counts: {}, failures: [] };
    // What it did before it broke was done: it counts until the part is tried again.
    const end = { id, counts: this.#said.live, failures: [], completedAt: Date.now() };
    // What a stop cut short is no failure of its own.
    if (this.#running.signal.aborted) return { ...end, status: 'CANCELED' };
    if (error.code === 'INTERNAL') {
      this.#context.log.error({ part: id, stack: (error.cause as Error)?.stack }, error.message);
    }
    this.#failedInARow++;
    return { ...end, status: 'FAILED', error: { code: error.code, message: error.message } };
  }

  /** With as many failures of single objects as there is room for in one answer; all are in the report. */
  #trimmed(ended: Ended): Ended {
    const most = Math.min(MOST_FAILURES, MOST_FAILURES_EACH * this.#input.parts.length);
    const failures = ended.failures.filter((failure, i) => {
      this.#failureBytes += JSON.stringify(failure).length;
      return i === 0 || this.#failureBytes < most;
    });
    return { ...ended, failures };
  }
}
