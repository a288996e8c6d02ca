import type { Json } from '../../../base/json.ts';
import type { Counts, JobFailure, JobRecord, PartStatus, Progress } from '../../job.ts';
import type { Outcome } from '../../kind.ts';
import type { ItemFailure, Part, PartRecord } from '../../part.ts';
import type { PartEnd } from '../../part-end.ts';

/*
 * What client, workflows and activities say to each other. All of it is JSON, lies in Temporal's histories, and
 * may be read by a later version: fields are added, never changed.
 */

/** The workflow of a job; its id is the job's. */
export const JOB_WORKFLOW = 'sluiceJob';
export const PAGE_WORKFLOW = 'sluicePage';
export const PLAN_WORKFLOW = 'sluicePlan';
export const HOLD_WORKFLOW = 'sluiceHold';

/** Ids of a job's other workflows: no job's id holds a slash. */
export const planId = (job: string): string => `${job}/plan`;
export const holdId = (job: string): string => `${job}/hold`;
/** @param n from 1 */
export const pageId = (job: string, n: number): string => `${job}/page-${String(n).padStart(6, '0')}`;

/** Activities that take a slot of a worker are on a queue of their own, apart from workflows and holds. */
export const workQueue = (taskQueue: string): string => `${taskQueue}.work`;

/** How a job is cut and watched; it stays what it was when the job began. */
export interface Tuning {
  /** A page of the plan holds at most so many parts and bytes. */
  pageParts: number;
  pageBytes: number;
  /** Pages that run at once. */
  pagesAtOnce: number;
  /** Parts that one task holds at most, and how long it is to take, in milliseconds. */
  taskParts: number;
  taskMs: number;
  /** Parts that take less than this together, in milliseconds, are not shared out among several tasks. */
  taskLeastMs?: number;
  /** Tasks of one page that wait or run at once, to begin with. */
  window: number;
  /** Milliseconds without a sign of life after which a worker counts as lost. */
  silence: number;
  /** The job's own history continues as new after so many events; 2,000 when not said. */
  mostEvents?: number;
}

/**
 * Milliseconds that a worker has for one step of a workflow: on a busy machine it may take long to read a history
 * again, and a step that is given up begins with that anew. A worker that is killed in the middle is missed after it.
 */
export const workflowTaskTimeout = ({ silence }: Tuning): number => Math.max(10_000, silence);

/** What every activity has to know of its job. */
export interface JobNote {
  id: string;
  kind: string;
  attempt: number;
  startedAt: number;
  /**
   * The first run of the job's workflow since it was started or resumed, which it keeps when it continues as new:
   * what is left of a run that was ended by hand is not listened to.
   */
  run?: string;
}

/** Sums over parts: by status, and of their counts. */
export interface Sums {
  parts: Partial<Record<PartStatus, number>>;
  counts: Counts;
}

export interface JobInput {
  kind: string;
  spec: Json;
  createdAt: number;
  tuning: Tuning;
  attempts: number;
  /** From an earlier run of a job that is gone on with. */
  startedAt?: number;
  pinned?: Json;
  planned?: boolean;
  /** The pages of an earlier run are there, to be opened again. */
  resumed?: boolean;
  /** How many there are, where that is known. */
  pages?: number | undefined;
  /** Where the job is, after it continued as new. */
  state?: JobState;
}

/** Which page needs what: its lowest stage with waiting parts (-1: none), and the statuses of its parts as bits. */
export type PageState = [stage: number, statuses: number];

export interface JobState {
  /** Holds, plans and pages were started. */
  sums: Sums;
  planned: boolean;
  planning: boolean;
  holding: boolean;
  pages: PageState[];
  /** Pages that run, and those that will run again, with what they reported last. */
  reported: Record<number, Sums>;
  active: number[];
  stage: number;
  cancel: boolean;
  failure?: JobFailure;
  lost?: JobFailure;
  firstFailed?: FirstFailed;
  failedInARow: number;
  /** A part has ended well. Before that, one page runs at a time: when all fail alike, few are tried. */
  proven: boolean;
  /** Milliseconds that a part of this stage takes, as the page that came to rest last has it. */
  pace?: number | undefined;
  /** Pages came to rest so often in runs of the workflow before this one. */
  restedBefore?: number;
  /** Why the parts that wait are skipped, where they are. */
  skips?: string;
}

export interface FirstFailed {
  page: number;
  label: string;
  error?: JobFailure | undefined;
}

/** What the list of jobs shows; in the memo of the job's workflow, beside `pinned` and `report`. */
export type JobNoted = Omit<JobRecord, 'id' | 'pinned' | 'report' | 'interrupted'>;

export interface JobMemo {
  job?: JobNoted;
  pinned?: Json;
  report?: Json;
  /** Which statuses the parts of each page have, once the job has ended: see `statusesOf`. */
  statuses?: string;
}

/** Answer of the query `job`. */
export interface JobView {
  job: JobNoted;
  pinned?: Json;
  active: { page: number; reported?: Sums | undefined }[];
  /** As in the memo; pages that run are unknown. */
  statuses: string;
  /** Pages that came to rest, the newest last, counted from the start. */
  rested: { from: number; pages: number[] };
}

export interface PageInput {
  job: JobNote;
  page: number;
  pinned: Json;
  tuning: Tuning;
  parts: Part[];
  /** The run of this page that went before, whose parts' ends are still good. */
  before?: string;
}

/** In the memo of a page. */
export interface PageMemo {
  plan?: PagePlanned;
}

/** To the job: a page of the plan is there. */
export interface PagePlanned {
  page: number;
  /** When the job started that it is of: another job may have had the same id. */
  of: number;
  /** See JobNote. */
  run?: string | undefined;
  /** The last id. */
  last: string;
  stage: number;
  statuses: number;
  sums: Sums;
}

/** To the job: no part of the page's stage waits or runs. */
export interface PageRested {
  page: number;
  stage: number;
  statuses: number;
  /** What changed since the page was opened. */
  done: Sums;
  firstFailed?: Omit<FirstFailed, 'page'>;
  /** Of the parts that ended in this stage: how many failed by an error of their own, since the last that did not. */
  failedInARow: number;
  /** None did not. */
  allFailed: boolean;
  lastError?: JobFailure;
  /** Milliseconds that one of its parts took, on average of late. */
  pace?: number;
  /** See JobNote. */
  run?: string | undefined;
}

export interface PageView {
  done: Sums;
  events: PartEvent[];
  /** The number of the next event. */
  next: number;
}

export interface PartEvent {
  at: number;
  part: string;
  label: string;
  status: PartStatus;
  error?: JobFailure | undefined;
}

/** How a page is to come to rest: what is in flight is cut short, or ends first. */
export type Stop = 'cut' | 'drain';

export interface TaskInput {
  job: JobNote;
  pinned: Json;
  /** With the attempts before this one. */
  parts: { part: Part; attempts: number }[];
  /** Milliseconds after which no further part is begun: the rest is taken anew, in smaller tasks. */
  endsAfter?: number;
}

/** The end of a part; PENDING when it has to be run again. */
export interface Ended extends PartEnd {
  attempts: number;
  startedAt?: number | undefined;
}

export interface TaskResult {
  ended: Ended[];
  /** Milliseconds from when it was there to be taken until a worker took it. */
  waited: number;
  /** Milliseconds of parts that ended well, and how many they are. */
  took: number;
  succeeded: number;
}

/** What a task says now and then. */
export interface TaskBeat {
  ended: Ended[];
  /** Attempts that were begun, by the part's id. */
  begun: Record<string, number>;
  /** What the part that runs has counted so far. */
  live: Counts;
  running?: string | undefined;
}

export interface PlanInput {
  job: JobNote;
  pinned: Json;
  tuning: Tuning;
  /** The number of the next page, and the part that the plan goes on after. */
  page: number;
  after?: string | undefined;
}

export interface PrepareResult {
  pinned: Json;
  holds: boolean;
}

export interface FinishInput {
  job: JobNote;
  pinned: Json;
  outcome: Omit<Outcome, 'parts'>;
  pages: PageState[];
}

export interface CloseInput {
  job: JobNote;
  /** How many pages there are. */
  pages: number;
}

export interface ReopenInput {
  job: JobNote;
  pinned: Json;
  tuning: Tuning;
  /** From this page on. */
  page: number;
}

export interface ReopenResult {
  pages: Omit<PagePlanned, 'last' | 'of' | 'run'>[];
  last?: string | undefined;
  /** There may be more. */
  more: boolean;
}

export interface RecallInput {
  job: string;
  page: number;
  run: string;
  /** From this part on. */
  from: number;
}

export interface RecallResult {
  ended: Ended[];
  next?: number | undefined;
}

export type { ItemFailure, Part, PartRecord, Progress };
