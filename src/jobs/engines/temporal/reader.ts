import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { SluiceError } from '../../../base/errors.ts';
import type { PartStatus } from '../../job.ts';
import type { PartRecord } from '../../part.ts';
import { hasStatus, PageBook } from './book.ts';
import {
  type PageInput,
  type PageState,
  pageId,
  type RecallResult,
  type TaskBeat,
  type TaskInput,
  type TaskResult,
} from './messages.ts';

type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];
interface Payloads {
  payloads?: Payload[] | null;
}

/** One page as its workflow's history tells it, which needs no worker. */
export interface PageRead {
  input: PageInput;
  book: PageBook;
  runId: string;
}

function first<T>(from: Payloads | null | undefined): T {
  const payload = from?.payloads?.[0];
  return (payload ? defaultPayloadConverter.fromPayload(payload) : undefined) as T;
}

/**
 * @param run of the page's workflow; the last one when not given
 * @throws SluiceError NOT_FOUND
 */
export async function readPage(client: Client, job: string, page: number, run?: string): Promise<PageRead> {
  const workflowId = pageId(job, page);
  let input: PageInput | undefined;
  let book: PageBook | undefined;
  let runId = run ?? '';
  const tasks = new Map<string, { type: string; ids: string[] }>();
  let nextPageToken: Uint8Array | undefined;
  try {
    do {
      const answer = await client.workflowService.getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution: { workflowId, runId: run ?? null },
        nextPageToken: nextPageToken ?? null,
      });
      for (const event of answer.history?.events ?? []) {
        const started = event.workflowExecutionStartedEventAttributes;
        if (started) {
          input = first<PageInput>(started.input);
          book = new PageBook(input.parts);
          runId = started.originalExecutionRunId ?? runId;
        }
        const scheduled = event.activityTaskScheduledEventAttributes;
        if (scheduled) {
          const type = scheduled.activityType?.name ?? '';
          const parts = type === 'runParts' ? first<TaskInput>(scheduled.input).parts : [];
          tasks.set(String(event.eventId), { type, ids: parts.map(({ part }) => part.id) });
        }
        const completed = event.activityTaskCompletedEventAttributes;
        if (completed) {
          const task = tasks.get(String(completed.scheduledEventId));
          if (task?.type === 'runParts') {
            for (const ended of first<TaskResult>(completed.result).ended) book!.end(ended);
          } else if (task?.type === 'recallPage') {
            book!.restore(first<RecallResult>(completed.result).ended);
          }
        }
        const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
        if (failed) {
          const { ids } = tasks.get(String(failed.scheduledEventId))!;
          if (ids.length > 0) book!.lost(ids, at(event.eventTime));
        }
        const signaled = event.workflowExecutionSignaledEventAttributes;
        if (signaled?.signalName === 'skip') book!.skip(first<string>(signaled.input), at(event.eventTime));
      }
      nextPageToken = answer.nextPageToken ?? undefined;
    } while (nextPageToken && nextPageToken.length > 0);
  } catch (error) {
    if ((error as { code?: number }).code !== 5) throw error;
  }
  if (!input || !book) {
    throw new SluiceError(
      'NOT_FOUND',
      `Page ${page} of the parts of job ${job} is no longer kept by Temporal: its namespace keeps what has ended for a limited time.`,
    );
  }
  return { input, book, runId };
}

function at(time: { seconds?: unknown } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000;
}

/** What tasks of a page that are under way have said last. */
export async function beatsOf(client: Client, job: string, page: number): Promise<TaskBeat[]> {
  const { raw } = await client.workflow.getHandle(pageId(job, page)).describe();
  return (raw.pendingActivities ?? []).flatMap((activity) => {
    if (activity.activityType?.name !== 'runParts' || !activity.heartbeatDetails) return [];
    return first<TaskBeat | undefined>(activity.heartbeatDetails) ?? [];
  });
}

/** All parts of a job, or those of one status, in order of id, one page of the plan in memory at a time. */
export async function* partsOf(
  client: Client,
  job: string,
  pages: readonly PageState[],
  status?: PartStatus,
  from = 1,
): AsyncIterable<PartRecord> {
  let ahead: Promise<PartRecord[]> | undefined;
  const wanted = pages
    .map(([, statuses], i) => ({ page: i + 1, statuses }))
    .filter(({ page, statuses }) => page >= from && (status === undefined || hasStatus(statuses, status)));
  const read = async (page: number): Promise<PartRecord[]> => [
    ...(await readPage(client, job, page)).book.records(),
  ];
  for (const [i, { page }] of wanted.entries()) {
    const records = await (ahead ?? read(page));
    const next = wanted[i + 1];
    ahead = next && read(next.page);
    // Whoever stops reading does not wait for it.
    ahead?.catch(() => undefined);
    for (const record of records) if (status === undefined || record.status === status) yield record;
  }
}
