import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { SluiceError } from '../../../base/errors.ts';
import { canonicalJson, type Json } from '../../../base/json.ts';
import type { RetryPolicy } from '../../../stores/retry.ts';
import type { Engine, JobEvent, JobFilter, JobPage } from '../../engine.ts';
import { DEFAULT_PART_RETRY, type Environment } from '../../environment.ts';
import { checkJobId, newJobId } from '../../ids.ts';
import { isFinal, type JobRecord, type PartStatus } from '../../job.ts';
import type { PartRecord } from '../../part.ts';
import { type Bundle, workflowBundle } from './bundle.ts';
import { connectClient, type TemporalAddress, temporalError } from './connect.ts';
import { Follower } from './follow.ts';
import { JobList } from './list.ts';
import {
  JOB_WORKFLOW,
  type JobInput,
  type JobMemo,
  type JobNoted,
  type Tuning,
  workflowTaskTimeout,
} from './messages.ts';
import { listParts } from './parts.ts';
import { isNotFound, Records } from './records.ts';
import { checkSize } from './sizes.ts';
import type { JobWorker } from './worker.ts';

const WAIT_MS = 200;

export interface TemporalEngineOptions {
  environment: Environment;
  to: TemporalAddress;
  taskQueue: string;
  /**
   * Whether this process takes work: from its start to its end, from the first job on that it starts or goes on
   * with, or never (jobs wait for `sluice worker`).
   */
  work: 'always' | 'own' | 'never';
  /** Parts that run in this process at once. */
  partsAtOnce?: number;
  retry?: RetryPolicy;
  tuning?: Partial<Tuning>;
  /** Milliseconds that workers have to answer a question about a job, before they count as not there. */
  patience?: number;
  /** Milliseconds after which one who waits for a job is told that nobody works on it. */
  lostAfter?: number;
  /** Milliseconds between signs of life of what runs here. */
  beat?: number;
  /** Milliseconds between looks at jobs that are followed. */
  poll?: number;
  bundle?: Bundle;
}

export const TUNING: Tuning = {
  pageParts: 1000,
  pageBytes: 400_000,
  pagesAtOnce: 4,
  taskParts: 500,
  taskMs: 2000,
  taskLeastMs: 250,
  window: 16,
  silence: 30_000,
};

/**
 * Runs jobs on a Temporal cluster: a job is a workflow with the job's id, and any number of processes, on any
 * machines, do the work. All state lies in Temporal, for as long as its namespace keeps what has ended.
 */
export class TemporalEngine implements Engine {
  readonly #options: Required<TemporalEngineOptions>;
  readonly #client: Client;
  readonly #records: Records;
  readonly #list: JobList;
  readonly #follower: Follower;
  #worker: Promise<JobWorker> | undefined;
  /** Calls that are under way: the connection is not closed under them. */
  readonly #doing = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(options: Required<TemporalEngineOptions>, client: Client) {
    this.#options = options;
    this.#client = client;
    this.#records = new Records(client, options.patience);
    this.#list = new JobList(client, this.#records, options.taskQueue);
    this.#follower = new Follower(this.#records, this.#list, options.environment.log, options);
  }

  /** @throws SluiceError UNSUPPORTED (the SDK is not installed), CONNECTION, BAD_CONFIG */
  static async open(options: TemporalEngineOptions): Promise<TemporalEngine> {
    const client = await connectClient(options.to);
    const all: Required<TemporalEngineOptions> = {
      ...{ partsAtOnce: 8, retry: DEFAULT_PART_RETRY, patience: 12_000, lostAfter: 60_000 },
      ...{ beat: 1000, poll: 500, bundle: undefined as unknown as Bundle },
      ...options,
      tuning: { ...TUNING, ...options.tuning },
    };
    const engine = new TemporalEngine(all, client);
    try {
      if (options.work === 'always') await engine.#work();
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  async submit(kindName: string, asked: Json, options: { id?: string } = {}): Promise<JobRecord> {
    checkJobId(options.id);
    const kind = await this.#options.environment.kinds.get(kindName);
    const spec = kind.parse(asked);
    checkSize(spec, 'What was asked');
    return this.#do(async () => {
      const id = options.id ?? (await this.#interruptedLike(kindName, spec)) ?? newJobId();
      const createdAt = Date.now();
      const input: JobInput = { kind: kindName, spec, createdAt, attempts: 1, tuning: this.#tuning };
      if (await this.#start(id, input, {}, 'REJECT_DUPLICATE')) return { id, ...notedOf(input) };
      const there = await this.#records.get(id);
      if (there.kind !== kindName || canonicalJson(there.spec) !== canonicalJson(spec)) {
        throw new SluiceError(
          'ALREADY_EXISTS',
          `There is a job "${id}" already, of kind ${there.kind} and with another spec. Give another id, or none.`,
        );
      }
      return there.interrupted ? this.#goOn(there) : there;
    });
  }

  async #interruptedLike(kind: string, spec: Json): Promise<string | undefined> {
    const text = canonicalJson(spec);
    const alike = (await this.#list.open())
      .filter((job) => job.kind === kind && canonicalJson(job.spec) === text)
      .sort((a, b) => b.createdAt - a.createdAt);
    for (const { id } of alike) {
      const job = await this.#records.get(id);
      if (job.interrupted) return id;
    }
    return undefined;
  }

  async get(id: string): Promise<JobRecord> {
    return this.#do(() => this.#records.get(id));
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    return this.#do(() => this.#list.page(filter));
  }

  async parts(
    id: string,
    filter: { status?: PartStatus; search?: string; after?: string; limit?: number } = {},
  ): Promise<PartRecord[]> {
    return this.#do(async () => {
      const { open, statuses } = await this.#records.known(id);
      const known = open && filter.status ? (await this.#records.ask(id))?.statuses : statuses;
      return listParts(this.#client, id, known, { ...filter, limit: filter.limit ?? 100 });
    });
  }

  async wait(id: string, signal?: AbortSignal): Promise<JobRecord> {
    return this.#do(async () => {
      for (let answered = Date.now(), asked = 0; ; ) {
        this.#refuseWhenClosed();
        const { record, open } = await this.#records.known(id);
        if (!open) return record;
        if (signal?.aborted) throw new SluiceError('CANCELED', `Waiting for job ${id} was stopped.`);
        if (Date.now() - asked > this.#options.patience / 2) {
          const live = await this.#records.get(id);
          asked = Date.now();
          if (!live.interrupted) answered = asked;
          else if (asked - answered >= this.#options.lostAfter) return live;
        }
        await sleep(WAIT_MS, undefined, { signal }).catch(() => undefined);
      }
    });
  }

  async cancel(id: string): Promise<void> {
    await this.#do(async () => {
      const { record, open } = await this.#records.known(id);
      if (!open) throw endedAlready(record);
      try {
        await this.#client.workflow.getHandle(id).signal('cancel');
      } catch (error) {
        // It ended just now.
        if (isNotFound(error)) throw endedAlready((await this.#records.known(id)).record);
        throw error;
      }
      this.#list.touch(id);
      if (this.#options.work === 'own') await this.#work();
    });
  }

  async resume(id: string): Promise<JobRecord> {
    return this.#do(async () => {
      const { record, statuses } = await this.#records.known(id);
      if (record.status === 'SUCCESS') {
        throw new SluiceError('CONFLICT', `Job ${id} succeeded; there is nothing to resume.`);
      }
      if (isFinal(record.status)) {
        const { kind, spec, createdAt, startedAt, pinned, progress } = record;
        const input: JobInput = {
          ...{ kind, spec, createdAt, startedAt, pinned, planned: progress.planned },
          ...{ attempts: record.attempts + 1, tuning: this.#tuning, resumed: true },
          pages: statuses?.length,
        };
        if (await this.#start(id, input, { pinned }, 'ALLOW_DUPLICATE'))
          return { id, ...notedOf(input), pinned };
      } else {
        const live = await this.#records.get(id);
        if (live.interrupted) return this.#goOn(live);
      }
      throw new SluiceError('CONFLICT', `Job ${id} is running; there is nothing to resume.`);
    });
  }

  events(options: { id?: string; signal?: AbortSignal } = {}): AsyncIterable<JobEvent> {
    return this.#follower.listen(options);
  }

  /** Whether this process takes work, or has no reason to. */
  async healthy(): Promise<boolean> {
    const worker = await this.#worker?.catch(() => undefined);
    return this.#worker === undefined ? this.#options.work !== 'always' : worker?.healthy === true;
  }

  /** Resolves once this process no longer takes work; rejects when that was not asked for. */
  async workEnded(): Promise<void> {
    await (await this.#worker)?.ended();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#follower.close();
    await (await this.#worker?.catch(() => undefined))?.close();
    await Promise.allSettled(this.#doing);
    await this.#client.connection.close();
  }

  /** A job that nobody works on goes on by itself as soon as somebody does: this process, where it may. */
  async #goOn(job: JobRecord): Promise<JobRecord> {
    if (this.#options.work === 'never') return job;
    await this.#client.workflow.getHandle(job.id).signal('goOn');
    await this.#work();
    this.#list.touch(job.id);
    this.#follower.started(job.id);
    return { ...job, attempts: job.attempts + 1, interrupted: undefined };
  }

  /** @returns false when there is a job of this id that is not to be replaced */
  async #start(
    id: string,
    input: JobInput,
    more: JobMemo,
    workflowIdReusePolicy: 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE',
  ): Promise<boolean> {
    const memo: JobMemo = { job: notedOf(input), ...more };
    try {
      await this.#client.workflow.start(JOB_WORKFLOW, {
        workflowId: id,
        taskQueue: this.#options.taskQueue,
        args: [input],
        memo: JSON.parse(JSON.stringify(memo)),
        workflowTaskTimeout: workflowTaskTimeout(input.tuning),
        workflowIdReusePolicy,
      });
    } catch (error) {
      if ((error as Error).name === 'WorkflowExecutionAlreadyStartedError') return false;
      throw error;
    }
    this.#list.touch(id);
    this.#follower.started(id);
    if (this.#options.work === 'own') await this.#work();
    return true;
  }

  get #tuning(): Tuning {
    return this.#options.tuning as Tuning;
  }

  async #work(): Promise<void> {
    this.#worker ??= this.#startWorker();
    await this.#worker;
  }

  async #startWorker(): Promise<JobWorker> {
    const { environment, to, taskQueue, retry, beat, partsAtOnce } = this.#options;
    const { loadTemporal } = await import('./connect.ts');
    const { JobWorker } = await loadTemporal(() => import('./worker.ts'));
    const bundle = this.#options.bundle ?? (await workflowBundle());
    const shop = { environment, client: this.#client, taskQueue, retry, beat };
    return JobWorker.start({ to, bundle, shop, slots: partsAtOnce });
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    const doing = work();
    this.#doing.add(doing);
    try {
      return await doing;
    } catch (error) {
      this.#refuseWhenClosed();
      throw temporalError(error, this.#options.to);
    } finally {
      this.#doing.delete(doing);
    }
  }

  #refuseWhenClosed(): void {
    if (!this.#closed) return;
    throw new SluiceError('UNAVAILABLE', 'The engine is closed.', { retryable: false });
  }
}

function endedAlready({ id, status }: JobRecord): SluiceError {
  return new SluiceError('CONFLICT', `Job ${id} has ended already (${status}); there is nothing to cancel.`);
}

/** How a job is before anybody has begun with it. */
function notedOf({ kind, spec, createdAt, attempts, startedAt }: JobInput): JobNoted {
  const progress = { counts: {}, parts: {}, planned: false };
  return { kind, spec, createdAt, attempts, startedAt, status: 'STARTED', progress };
}
