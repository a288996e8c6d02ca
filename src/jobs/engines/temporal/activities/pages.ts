import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { PageBook } from '../book.ts';
import {
  type PageMemo,
  pageId,
  type RecallInput,
  type RecallResult,
  type ReopenInput,
  type ReopenResult,
} from '../messages.ts';
import { readPage } from '../reader.ts';
import type { Activities } from '../workflows/calls.ts';
import { isGone, Running, type Workshop } from './context.ts';
import { startPage } from './plan.ts';

/** Bytes of ends of parts that are brought back at once. */
const RECALL_BYTES = 500_000;
/** Pages that one activity opens again. */
const REOPENED = 50;

export type MemoDescription = Omit<WorkflowExecutionDescription, 'memo'> & { memo?: PageMemo };

/** Pages of an earlier run of a job: what succeeded stays done. */
export function pageActivities(shop: Workshop): Pick<Activities, 'recallPage' | 'reopenPages'> {
  async function recallPage({ job, page, run, from }: RecallInput): Promise<RecallResult> {
    return new Running(shop).alive(async () => {
      const { book } = await readPage(shop.client, job, page, run);
      return book.recall(from, RECALL_BYTES);
    });
  }

  async function reopenPages(input: ReopenInput): Promise<ReopenResult> {
    const running = new Running(shop);
    return running.alive(async () => {
      const result: ReopenResult = { pages: [], more: true };
      for (let page = input.page; page < input.page + REOPENED; page++) {
        if (running.signal.aborted) throw running.signal.reason;
        const run = await closedRun(input.job.id, page, running.signal);
        if (run === undefined) return { ...result, more: false };
        const { book: left, input: before } = await readPage(shop.client, input.job.id, page, run);
        const book = new PageBook(before.parts);
        book.restore(left.recall(0, Number.POSITIVE_INFINITY).ended);
        const { stage, statuses } = book;
        const { job, pinned, tuning } = input;
        const again = { job, page, pinned, tuning, parts: before.parts, before: run };
        // What is done for good is opened again, too, so that it is kept for as long as the job runs.
        await startPage(shop, again, 'ALLOW_DUPLICATE', book);
        result.pages.push({ page, stage, statuses, sums: book.sums() });
        result.last = before.parts.at(-1)!.id;
      }
      return result;
    });
  }

  /** The last run of a page once it has ended; undefined when there is no such page. */
  async function closedRun(job: string, page: number, signal: AbortSignal): Promise<string | undefined> {
    const handle = shop.client.workflow.getHandle(pageId(job, page));
    for (let asked = false; ; ) {
      try {
        const { status, runId } = await handle.describe();
        if (status.name !== 'RUNNING') return runId;
        // Left by a job that was ended by hand, or opened by an attempt before this one.
        if (!asked) {
          await handle.signal('stop', 'cut');
          await handle.signal('close');
        }
        asked = true;
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
      await sleep(100, undefined, { signal });
    }
  }

  return { recallPage, reopenPages };
}
