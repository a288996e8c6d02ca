import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { SluiceError } from '../../../base/errors.ts';
import { addCounts, isFinal, type JobRecord } from '../../job.ts';
import { addSums, noSums, subtractSums } from './book.ts';
import { grpcOf } from './connect.ts';
import { JOB_WORKFLOW, type JobMemo, type JobView, type PageView, pageId, type Sums } from './messages.ts';
import { beatsOf } from './reader.ts';

/** A job as Temporal itself knows it, without asking any worker. */
export interface Known {
  record: JobRecord;
  runId: string;
  open: boolean;
  /** See JobMemo. */
  statuses?: string | undefined;
}

/** A job that runs, as its workflow and its pages tell it. */
export interface Live {
  record: JobRecord;
  view: JobView | undefined;
  pages: Map<number, PageView>;
}

/** Reads jobs: what ended from the memo of its workflow, what runs from its workers. */
export class Records {
  readonly #client: Client;
  /** Milliseconds that a worker has to answer. */
  readonly #patience: number;

  constructor(client: Client, patience: number) {
    this.#client = client;
    this.#patience = patience;
  }

  /** @throws SluiceError NOT_FOUND */
  async known(id: string): Promise<Known> {
    try {
      const found = await this.#client.workflow.getHandle(id).describe();
      if (found.type === JOB_WORKFLOW) return knownOf(found);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    throw new SluiceError('NOT_FOUND', `There is no job "${id}". See: sluice jobs list`);
  }

  /** @throws SluiceError NOT_FOUND */
  async get(id: string): Promise<JobRecord> {
    return (await this.live(id)).record;
  }

  /**
   * @param since rested pages from this number on; cursors: where the events of each page are read on
   * @throws SluiceError NOT_FOUND
   */
  async live(id: string, since = 0, cursors = new Map<number, number>()): Promise<Live> {
    const known = await this.known(id);
    const pages = new Map<number, PageView>();
    if (!known.open) return { record: known.record, view: undefined, pages };
    const view = await this.ask(id, since);
    if (!view) {
      // It may have ended while nobody answered.
      const { open, record } = await this.known(id);
      return { record: open ? { ...record, interrupted: true } : record, view, pages };
    }
    const sums: Sums = {
      counts: { ...view.job.progress.counts },
      parts: { ...view.job.progress.parts },
    };
    await Promise.all(
      view.active.map(async ({ page, reported }) => {
        const [there, beats] = await Promise.all([
          this.askPage(id, page, cursors.get(page)).catch(() => undefined),
          beatsOf(this.#client, id, page).catch(() => []),
        ]);
        if (!there) return;
        pages.set(page, there);
        addSums(sums, subtractSums(addSums(noSums(), there.done), reported ?? noSums()));
        for (const { ended, live, running } of beats) {
          const begun: Sums = { parts: {}, counts: { ...live } };
          for (const { status, counts } of ended) {
            addSums(begun, { parts: { [status]: 1 }, counts });
          }
          const count = ended.length + (running === undefined ? 0 : 1);
          if (running !== undefined) addSums(begun, { parts: { TRANSFERRING: 1 }, counts: {} });
          // A task that has just ended is in both.
          if ((sums.parts.PENDING ?? 0) < count) continue;
          addSums(sums, begun);
          addSums(sums, { parts: { PENDING: -count }, counts: {} });
        }
      }),
    );
    const { job, pinned } = view;
    const progress = { counts: addCounts({}, sums.counts), parts: sums.parts, planned: job.progress.planned };
    return { record: { id, ...job, pinned, progress }, view, pages };
  }

  /** What the job's workflow says; undefined when no worker answers for it. */
  async ask(id: string, since = 0): Promise<JobView | undefined> {
    const until = Date.now() + this.#patience;
    while (Date.now() < until) {
      try {
        return await this.#client.withDeadline(until, () =>
          this.#client.workflow.getHandle(id).query<JobView, [number]>('job', since),
        );
      } catch (error) {
        if (isNotFound(error)) return undefined;
        // Nobody has taken its first task yet, or nobody is there to.
        if (!meansNobody(error)) throw error;
        await sleep(50);
      }
    }
    return undefined;
  }

  async askPage(id: string, page: number, since = 0): Promise<PageView | undefined> {
    try {
      return await this.#client.withDeadline(Date.now() + this.#patience, () =>
        this.#client.workflow.getHandle(pageId(id, page)).query<PageView, [number]>('page', since),
      );
    } catch (error) {
      if (isNotFound(error) || meansNobody(error)) return undefined;
      throw error;
    }
  }
}

/** A job from what Temporal lists or describes. */
export function knownOf(info: Omit<WorkflowExecutionInfo, 'raw'>): Known {
  const { workflowId: id, runId, status } = info;
  const { job, pinned, report, statuses } = (info.memo ?? {}) as JobMemo;
  const open = status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
  const record: JobRecord = { id, ...job!, pinned, report };
  if (!open && !isFinal(record.status)) {
    record.status = 'FAILED';
    record.completedAt = info.closeTime?.getTime();
    record.error = {
      code: 'CANCELED',
      message: `The job's workflow was ended in Temporal (${status.name.toLowerCase()}), not by Sluice. Go on with it: sluice jobs resume ${id}`,
    };
  }
  return { record, runId, open, statuses };
}

export function isNotFound(error: unknown): boolean {
  return (error as Error).name === 'WorkflowNotFoundError' || grpcOf(error)?.code === 5;
}

/** Codes for an answer that came too late, or for which nobody is there: 1, 4, 9 and QueryNotRegistered's 3. */
function meansNobody(error: unknown): boolean {
  const code = grpcOf(error)?.code;
  return code === 1 || code === 4 || code === 9 || code === 3 || code === 8;
}
