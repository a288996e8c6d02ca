import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  defineQuery,
  defineSignal,
  proxyActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import type { JobFailure } from '../../../job.ts';
import type { FinishResult } from '../../../kind.ts';
import { TASK_ATTEMPTS } from '../book.ts';
import type {
  CloseInput,
  FinishInput,
  JobNote,
  JobView,
  PagePlanned,
  PageRested,
  PageView,
  PlanInput,
  PrepareResult,
  RecallInput,
  RecallResult,
  ReopenInput,
  ReopenResult,
  Stop,
  TaskInput,
  TaskResult,
  Tuning,
} from '../messages.ts';
import { workQueue } from '../messages.ts';

/** What a workflow asks of a worker: the activities by their names. */
export interface Activities {
  prepare(input: { job: JobNote; spec: Json }): Promise<PrepareResult>;
  plan(input: PlanInput): Promise<void>;
  hold(input: { job: JobNote; pinned: Json }): Promise<void>;
  runParts(input: TaskInput): Promise<TaskResult>;
  recallPage(input: RecallInput): Promise<RecallResult>;
  reopenPages(input: ReopenInput): Promise<ReopenResult>;
  finish(input: FinishInput): Promise<FinishResult>;
  closePages(input: CloseInput): Promise<void>;
}

// To a job: what comes from a run before this one (see JobNote) is left aside.
export const planned = defineSignal<[PagePlanned]>('planned');
export const planEnded = defineSignal<[failure: JobFailure | null, run?: string]>('planEnded');
export const held = defineSignal<[run?: string]>('held');
export const holdEnded = defineSignal<[failure: JobFailure | null, run?: string]>('holdEnded');
export const rested = defineSignal<[PageRested]>('rested');
export const proven = defineSignal<[run?: string]>('proven');
export const cancel = defineSignal('cancel');
export const goOn = defineSignal('goOn');
export const jobQuery = defineQuery<JobView, [number?]>('job');

// To a page.
/**
 * Runs parts of stages up to this one; tells of the first that ends well, when that is not known of any yet. The
 * pace, in milliseconds a part, is that of pages before this one.
 */
export const go = defineSignal<[stage: number, tell: boolean, pace?: number]>('go');
export const stop = defineSignal<[Stop]>('stop');
export const skip = defineSignal<[reason: string]>('skip');
export const close = defineSignal('close');
export const pageQuery = defineQuery<PageView, [number?]>('page');

/** No activity is given up because it takes long: what ends a lost one is its silence. */
const LONGEST = '3650 days';

/** Activities that a part's slot of some worker is taken for. */
export function work(taskQueue: string, { silence }: Tuning) {
  const common = {
    taskQueue: workQueue(taskQueue),
    startToCloseTimeout: LONGEST,
    heartbeatTimeout: silence,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  } as const;
  const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' } as const;
  const { runParts } = proxyActivities<Activities>({
    ...common,
    retry: { ...retry, maximumAttempts: TASK_ATTEMPTS },
  });
  const lead = proxyActivities<Activities>({ ...common, retry: { ...retry, maximumAttempts: 20 } });
  const { prepare, plan, recallPage, reopenPages, finish } = lead;
  return { prepare, plan, recallPage, reopenPages, finish, runParts };
}

/** Keeping a hold takes no slot: it waits nearly all of its time. Neither does closing pages, which nobody should wait for. */
export function keeper({ silence }: Tuning) {
  return proxyActivities<Activities>({
    startToCloseTimeout: LONGEST,
    heartbeatTimeout: silence,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1s', backoffCoefficient: 1 },
  });
}

/** Why an activity failed, in our words. */
export function failureOf(error: unknown): JobFailure {
  const cause =
    error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return { code: cause.type ?? 'INTERNAL', message: cause.message };
  }
  if (cause instanceof CancelledFailure) return { code: 'CANCELED', message: 'The work was canceled.' };
  if (!(cause instanceof TimeoutFailure)) {
    return { code: 'INTERNAL', message: cause instanceof Error ? cause.message : String(cause) };
  }
  return {
    code: 'UNAVAILABLE',
    message:
      'The workers that did it were lost again and again. Look at their memory and their logs, then resume the job.',
  };
}
