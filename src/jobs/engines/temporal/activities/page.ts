import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { PageBook } from '../book.ts';
import {
  type JobNote,
  PAGE_WORKFLOW,
  type PageInput,
  type PageMemo,
  type PagePlanned,
  pageId,
  workflowTaskTimeout,
} from '../messages.ts';
import { isGone, type Workshop } from './context.ts';

/* The workflow of one page, as activities start and end it. */

/** @returns what the job is told of it; undefined when there is a workflow of this page already */
export async function startPage(
  shop: Workshop,
  input: PageInput,
  workflowIdReusePolicy: 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE' = 'REJECT_DUPLICATE',
  book = new PageBook(input.parts),
): Promise<PagePlanned | undefined> {
  const { page, job, parts } = input;
  const { stage, statuses } = book;
  const note: PagePlanned = {
    ...{ page, of: job.startedAt, run: job.run, last: parts.at(-1)!.id },
    ...{ stage, statuses, sums: book.sums() },
  };
  try {
    await shop.client.workflow.start(PAGE_WORKFLOW, {
      workflowId: pageId(job.id, page),
      taskQueue: shop.taskQueue,
      args: [input],
      memo: { plan: note },
      workflowTaskTimeout: workflowTaskTimeout(input.tuning),
      workflowIdReusePolicy,
    });
    return note;
  } catch (error) {
    if ((error as Error).name === 'WorkflowExecutionAlreadyStartedError') return undefined;
    throw error;
  }
}

/** What the job was told of a page. */
export function notedIn({ memo }: Pick<WorkflowExecutionDescription, 'memo'>): PagePlanned | undefined {
  return (memo as PageMemo | undefined)?.plan;
}

/** Nothing more is asked of a page, which may have ended already. */
export async function tellClosed(shop: Workshop, id: string): Promise<void> {
  await tell(shop.client.workflow.getHandle(id), 'close');
}

async function tell(page: WorkflowHandle, signal: 'close' | 'stop', ...args: string[]): Promise<void> {
  try {
    await page.signal(signal, ...args);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

async function end(page: WorkflowHandle): Promise<void> {
  await tell(page, 'stop', 'cut');
  await tell(page, 'close');
}

/** Closes what a job that was ended by hand left open, of the run of the job that the note is of. */
export async function closeLeft(shop: Workshop, job: JobNote): Promise<void> {
  for (let page = 1; ; page++) {
    const id = pageId(job.id, page);
    const there = await described(shop.client.workflow.getHandle(id));
    if (!there) return;
    const left = there.status.name === 'RUNNING' && notedIn(there)?.run === job.run;
    if (left) await end(shop.client.workflow.getHandle(id, there.runId));
  }
}

/** The last run of a page once it has ended; undefined when there is no such page. */
export async function closedRun(
  shop: Workshop,
  job: string,
  page: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const handle = shop.client.workflow.getHandle(pageId(job, page));
  for (let asked = false; ; ) {
    const there = await described(handle);
    if (there?.status.name !== 'RUNNING') return there?.runId;
    // Left by a job that was ended by hand, or opened by an attempt before this one.
    if (!asked) await end(handle);
    asked = true;
    await sleep(100, undefined, { signal });
  }
}

async function described(page: WorkflowHandle): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await page.describe();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
