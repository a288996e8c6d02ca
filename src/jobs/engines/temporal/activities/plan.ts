import { SluiceError } from '../../../../base/errors.ts';
import { compareKeys } from '../../../../base/keys.ts';
import type { Part } from '../../../part.ts';
import { type PageInput, type PagePlanned, type PlanInput, pageId } from '../messages.ts';
import type { Activities } from '../workflows/calls.ts';
import { failureWith, isGone, Running, type Workshop } from './context.ts';
import { closedRun, notedIn, startPage } from './page.ts';

/** A plan that comes slowly is passed on in small pages, so that its parts run meanwhile; ever larger ones. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

interface At {
  page: number;
  after?: string | undefined;
}

/** Makes the plan and starts a workflow for each page of it. */
export function planActivities(shop: Workshop): Pick<Activities, 'plan'> {
  async function plan(input: PlanInput): Promise<void> {
    const running = new Running(shop);
    await running.alive(() => new Planner(input, running, shop).run());
  }
  return { plan };
}

class Planner {
  readonly #input: PlanInput;
  readonly #running: Running;
  readonly #shop: Workshop;
  readonly #at: At;
  /** Parts of the page that is being filled. */
  #parts: Part[] = [];
  #bytes = 0;
  #passedAt = 0;
  #wait = 0;
  /** A page that was there already may have held more than is known here: so far the plan is passed on. */
  #adopted = false;

  constructor(input: PlanInput, running: Running, shop: Workshop) {
    this.#input = input;
    this.#running = running;
    this.#shop = shop;
    this.#at = (running.said as At | undefined) ?? { page: input.page, after: input.after };
    running.details = () => this.#at;
  }

  async run(): Promise<void> {
    const kind = await this.#shop.environment.kinds.get(this.#input.job.kind);
    const context = this.#running.context(this.#input.job);
    this.#passedAt = performance.now();
    await this.#running.retried('plan', context, async () => {
      for await (const batch of kind.plan(this.#input.pinned, context, this.#last)) {
        if (context.signal.aborted) throw context.signal.reason;
        for (const part of batch) await this.#add(part);
        if (this.#parts.length > 0 && performance.now() - this.#passedAt >= this.#wait) await this.#pass();
      }
    });
    if (context.signal.aborted) throw context.signal.reason;
    if (this.#parts.length > 0) await this.#pass();
  }

  get #last(): string | undefined {
    return this.#parts.at(-1)?.id ?? this.#at.after;
  }

  async #add(part: Part): Promise<void> {
    const last = this.#last;
    if (last !== undefined && compareKeys(part.id, last) <= 0) {
      if (this.#adopted) return;
      throw new SluiceError('INTERNAL', `The plan gave part ${part.id} after ${last}: ids must ascend.`);
    }
    const { pageParts, pageBytes } = this.#input.tuning;
    const size = JSON.stringify(part).length;
    if (this.#parts.length >= pageParts || (this.#bytes + size > pageBytes && this.#parts.length > 0)) {
      await this.#pass();
    }
    this.#parts.push(part);
    this.#bytes += size;
  }

  /** Starts the workflow of the page that was filled and tells the job. */
  async #pass(): Promise<void> {
    const { job, pinned, tuning } = this.#input;
    const { page } = this.#at;
    const input: PageInput = { job, page, pinned, tuning, parts: this.#parts };
    // A plan before this one may have come so far, and no further.
    const earlier = (await startPage(this.#shop, input)) ?? (await this.#earlier(page));
    const note = earlier ?? (await startPage(this.#shop, input, 'ALLOW_DUPLICATE'));
    if (!note) {
      throw new SluiceError(
        'CONFLICT',
        `Page ${page} of another job ${job.id} is still open in Temporal. End it there.`,
      );
    }
    this.#adopted ||= note.last !== input.parts.at(-1)!.id;
    this.#parts = this.#parts.filter(({ id }) => compareKeys(id, note.last) > 0);
    await this.#tell(note);
    this.#at.page++;
    this.#at.after = note.last;
    this.#bytes = JSON.stringify(this.#parts).length;
    this.#passedAt = performance.now();
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 1.5 + FIRST_WAIT_MS);
    this.#running.beat();
  }

  /**
   * What a workflow of this page that is there was started with, when it is of this job. What is not is left of
   * another job that had this id, or of a run of this one that was ended by hand, and may be replaced.
   */
  async #earlier(page: number): Promise<PagePlanned | undefined> {
    const { id, startedAt, run } = this.#input.job;
    const plan = notedIn(await this.#shop.client.workflow.getHandle(pageId(id, page)).describe());
    if (plan?.of !== startedAt) return undefined;
    if (plan.run === undefined || run === undefined || plan.run === run) return plan;
    await closedRun(this.#shop, id, page, this.#running.signal);
    return undefined;
  }

  async #tell(note: PagePlanned): Promise<void> {
    try {
      await this.#shop.client.workflow.getHandle(this.#input.job.id).signal('planned', note);
    } catch (error) {
      if (isGone(error)) throw failureWith({ code: 'CANCELED', message: 'The job is there no longer.' });
      throw error;
    }
  }
}
