import { PageBook } from '../book.ts';
import {
  type CloseInput,
  pageId,
  type RecallInput,
  type RecallResult,
  type ReopenInput,
  type ReopenResult,
} from '../messages.ts';
import { readPage } from '../reader.ts';
import type { Activities } from '../workflows/calls.ts';
import { Running, type Workshop } from './context.ts';
import { closedRun, startPage, tellClosed } from './page.ts';

/** Bytes of ends of parts that are brought back at once. */
const RECALL_BYTES = 500_000;
/** Pages that are told at once that nothing more is asked of them. */
const CLOSED_AT_ONCE = 16;
/** Pages that one activity opens again. */
const REOPENED = 50;

/** Pages of an earlier run of a job: what succeeded stays done. */
export function pageActivities(
  shop: Workshop,
): Pick<Activities, 'recallPage' | 'reopenPages' | 'closePages'> {
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
        const run = await closedRun(shop, input.job.id, page, running.signal);
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

  async function closePages({ job, pages }: CloseInput): Promise<void> {
    const running = new Running(shop);
    let closed = (running.said as number | undefined) ?? 0;
    running.details = () => closed;
    await running.alive(async () => {
      while (closed < pages) {
        if (running.signal.aborted) throw running.signal.reason;
        const count = Math.min(CLOSED_AT_ONCE, pages - closed);
        const next = Array.from({ length: count }, (_, i) => pageId(job.id, closed + i + 1));
        await Promise.all(next.map((id) => tellClosed(shop, id)));
        closed += count;
      }
    });
  }

  return { recallPage, reopenPages, closePages };
}
