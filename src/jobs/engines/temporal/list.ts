import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isError } from '../../../base/errors.ts';
import type { JobFilter, JobPage } from '../../engine.ts';
import type { JobRecord } from '../../job.ts';
import { JOB_WORKFLOW } from './messages.ts';
import { type Known, knownOf, type Records } from './records.ts';

/** What Temporal lists may lag behind what it knows by so much. */
const LAG_MS = 60_000;
/** After this, what Temporal no longer keeps is forgotten here, too. */
const FRESH_MS = 600_000;
const PAGE = 500;

interface Entry extends Known {
  /** The text that a search looks at. */
  text: string;
  startedAt: number;
}

/**
 * The jobs of a task queue. Temporal lists what ended by the time of its end, and only with some stores in
 * another order, so that the list is kept here: what ended is read once, what is new is added to it.
 */
export class JobList {
  readonly #client: Client;
  readonly #records: Records;
  readonly #taskQueue: string;
  #entries = new Map<string, Entry>();
  #readAt = 0;
  #closedSince: number | undefined;
  /** Jobs that this process started or changed, and when: they are shown as they are, not as they are listed. */
  readonly #touched = new Map<string, number>();
  #reading: Promise<void> | undefined;

  constructor(client: Client, records: Records, taskQueue: string) {
    this.#client = client;
    this.#records = records;
    this.#taskQueue = taskQueue;
  }

  touch(id: string): void {
    this.#touched.delete(id);
    this.#touched.set(id, Date.now());
  }

  async page(filter: JobFilter): Promise<JobPage> {
    await this.read();
    const limit = filter.limit ?? 100;
    const search = filter.search?.toLowerCase();
    const found = [...this.#entries.values()]
      .filter(
        ({ record, text }) =>
          (filter.kind === undefined || record.kind === filter.kind) &&
          (filter.status === undefined || record.status === filter.status) &&
          (!search || text.includes(search)) &&
          (filter.after === undefined || cursorOf(record) < filter.after),
      )
      .sort((a, b) => (cursorOf(a.record) < cursorOf(b.record) ? 1 : -1));
    const shown = found.slice(0, limit);
    const jobs = await Promise.all(shown.map((entry) => this.#shown(entry)));
    return {
      jobs: jobs.filter((job) => filter.status === undefined || job.status === filter.status),
      next: found.length > limit ? cursorOf(shown.at(-1)!.record) : undefined,
    };
  }

  /** Those that have not ended, as they are listed. */
  async open(): Promise<JobRecord[]> {
    await this.read();
    return [...this.#entries.values()].filter(({ open }) => open).map(({ record }) => record);
  }

  /** Brings the list up to date; calls at the same time share one reading. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const now = Date.now();
    if (now - this.#readAt > FRESH_MS) {
      this.#entries = new Map();
      this.#closedSince = undefined;
      this.#readAt = now;
    }
    const since = this.#closedSince;
    const closed = since === undefined ? '' : ` AND CloseTime >= "${new Date(since).toISOString()}"`;
    await this.#add(`ExecutionStatus = "Running"`);
    await this.#add(`ExecutionStatus != "Running" AND ExecutionStatus != "ContinuedAsNew"${closed}`);
    this.#closedSince = now - LAG_MS;
    const touched = [...this.#touched].filter(([, at]) => now - at < LAG_MS);
    this.#touched.clear();
    for (const [id, at] of touched) this.#touched.set(id, at);
    await Promise.all(touched.map(([id]) => this.#look(id)));
  }

  async #add(query: string): Promise<void> {
    const own = `WorkflowType = "${JOB_WORKFLOW}" AND TaskQueue = "${this.#taskQueue}"`;
    for await (const info of this.#client.workflow.list({ query: `${own} AND ${query}`, pageSize: PAGE })) {
      this.#keep(info);
    }
  }

  async #look(id: string): Promise<void> {
    try {
      this.#keep(await this.#client.workflow.getHandle(id).describe());
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) return;
    }
  }

  #keep(info: Omit<WorkflowExecutionInfo, 'raw'>): void {
    const there = this.#entries.get(info.workflowId);
    const startedAt = info.startTime.getTime();
    if (there && there.startedAt > startedAt) return;
    // What was seen to have ended does not run again under the same run.
    if (there && !there.open && there.runId === info.runId) return;
    const known = knownOf(info);
    const { pinned: _, report: __, ...record } = known.record;
    const text = `${record.id} ${JSON.stringify(record.spec)}`.toLowerCase();
    this.#entries.set(record.id, { ...known, record, text, startedAt });
  }

  async #shown({ record, open }: Entry): Promise<JobRecord> {
    if (!open) return record;
    try {
      const { pinned: _, report: __, ...live } = await this.#records.get(record.id);
      return live;
    } catch (error) {
      // It was removed from Temporal.
      if (isError(error, 'NOT_FOUND')) return record;
      throw error;
    }
  }
}

/** Sorts by when a job was made. */
function cursorOf({ createdAt, id }: JobRecord): string {
  return `${String(createdAt).padStart(15, '0')}-${id}`;
}
