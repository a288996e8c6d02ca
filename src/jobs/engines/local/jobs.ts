import { SluiceError } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';
import type { JobFilter } from '../../engine.ts';
import {
  addCounts,
  type Counts,
  type JobFailure,
  type JobRecord,
  type JobStatus,
  type Progress,
} from '../../job.ts';
import type { Database, Row } from './database.ts';

/** A job as it lies in the database. */
export interface StoredJob {
  seq: number;
  record: JobRecord;
  /** Sums over ended parts and the plan, without what is in flight. */
  sums: Progress;
  /** The id of the last part that was planned. */
  planAfter: string | undefined;
  /** Who runs it, or ran it last. */
  owner: string;
  cancel: boolean;
  updatedAt: number;
}

export interface JobChange {
  status?: JobStatus;
  startedAt?: number;
  completedAt?: number | null;
  pinned?: Json;
  planned?: boolean;
  planAfter?: string;
  sums?: Progress;
  live?: Counts;
  error?: JobFailure | null;
  report?: Json;
  cancel?: boolean;
  attempts?: number;
}

/** Of a job in a list: all but `pinned` and `report`, which may be large. */
const LISTED =
  'seq, id, kind, spec, status, created_at, started_at, completed_at, updated_at, attempts, planned, plan_after, counts, part_counts, live, error, cancel, owner';

/** The jobs in the database. Only a job's owner changes it, except to ask for its cancellation. */
export class JobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(job: { id: string; kind: string; spec: Json; owner: string }): void {
    const now = Date.now();
    this.#db.run(
      `INSERT INTO jobs (id, kind, spec, status, created_at, updated_at, attempts, owner) VALUES (?, ?, ?, 'STARTED', ?, ?, 1, ?)`,
      job.id,
      job.kind,
      JSON.stringify(job.spec),
      now,
      now,
      job.owner,
    );
  }

  find(id: string): StoredJob | undefined {
    const row = this.#db.get('SELECT * FROM jobs WHERE id = ?', id);
    return row && toJob(row);
  }

  /** @throws SluiceError NOT_FOUND */
  get(id: string): StoredJob {
    const job = this.find(id);
    if (!job) throw new SluiceError('NOT_FOUND', `There is no job "${id}". See: sluice jobs list`);
    return job;
  }

  list(filter: JobFilter, limit: number): StoredJob[] {
    const where: string[] = [];
    const values: (string | number)[] = [];
    const add = (condition: string, ...more: (string | number)[]): void => {
      where.push(condition);
      values.push(...more);
    };
    if (filter.kind !== undefined) add('kind = ?', filter.kind);
    if (filter.status !== undefined) add('status = ?', filter.status);
    if (filter.after !== undefined) add('seq < ?', Number(filter.after));
    if (filter.search) {
      const text = filter.search.toLowerCase();
      add('(instr(lower(id), ?) > 0 OR instr(lower(spec), ?) > 0)', text, text);
    }
    const condition = where.length > 0 ? `WHERE ${where.join(' AND ')}` : '';
    return this.#db
      .all(`SELECT ${LISTED} FROM jobs ${condition} ORDER BY seq DESC LIMIT ?`, ...values, limit)
      .map(toJob);
  }

  /** Those that have not ended, the newest first. */
  unfinished(kind: string): StoredJob[] {
    return this.#db
      .all(
        `SELECT * FROM jobs WHERE status IN ('STARTED', 'TRANSFERRING') AND kind = ? ORDER BY seq DESC`,
        kind,
      )
      .map(toJob);
  }

  /** Jobs of other owners that changed since a time, oldest change first. */
  changedSince(time: number, notOwner: string): StoredJob[] {
    return this.#db
      .all(
        'SELECT * FROM jobs WHERE updated_at >= ? AND owner <> ? ORDER BY updated_at LIMIT 1000',
        time,
        notOwner,
      )
      .map(toJob);
  }

  /** Changes a job that `owner` owns; false when it is another's by now. */
  change(seq: number, owner: string, change: JobChange): boolean {
    const sets: string[] = ['updated_at = ?'];
    const values: (string | number | null)[] = [Date.now()];
    const set = (column: string, value: string | number | null): void => {
      sets.push(`${column} = ?`);
      values.push(value);
    };
    if (change.status !== undefined) set('status', change.status);
    if (change.startedAt !== undefined) set('started_at', change.startedAt);
    if (change.completedAt !== undefined) set('completed_at', change.completedAt);
    if (change.pinned !== undefined) set('pinned', JSON.stringify(change.pinned));
    if (change.planned !== undefined) set('planned', change.planned ? 1 : 0);
    if (change.planAfter !== undefined) set('plan_after', change.planAfter);
    if (change.sums !== undefined) {
      set('counts', JSON.stringify(change.sums.counts));
      set('part_counts', JSON.stringify(change.sums.parts));
    }
    if (change.live !== undefined) set('live', JSON.stringify(change.live));
    if (change.error !== undefined) set('error', change.error && JSON.stringify(change.error));
    if (change.report !== undefined) set('report', JSON.stringify(change.report));
    if (change.cancel !== undefined) set('cancel', change.cancel ? 1 : 0);
    if (change.attempts !== undefined) set('attempts', change.attempts);
    return (
      this.#db.run(`UPDATE jobs SET ${sets.join(', ')} WHERE seq = ? AND owner = ?`, ...values, seq, owner) >
      0
    );
  }

  /** Gives a job a new owner, unless someone else was faster. */
  takeOver(job: StoredJob, owner: string): boolean {
    return (
      this.#db.run(
        'UPDATE jobs SET owner = ?, updated_at = ? WHERE seq = ? AND owner = ? AND attempts = ?',
        owner,
        Date.now(),
        job.seq,
        job.owner,
        job.record.attempts,
      ) > 0
    );
  }

  requestCancel(seq: number): void {
    this.#db.run('UPDATE jobs SET cancel = 1 WHERE seq = ?', seq);
  }

  /** The jobs of an owner that someone wants canceled. */
  cancelRequests(owner: string): string[] {
    return this.#db
      .all(
        `SELECT id FROM jobs WHERE status IN ('STARTED', 'TRANSFERRING') AND owner = ? AND cancel = 1`,
        owner,
      )
      .map((row) => row.id as string);
  }
}

function toJob(row: Row): StoredJob {
  const optional = <T>(text: unknown): T | undefined =>
    typeof text === 'string' ? JSON.parse(text) : undefined;
  const sums: Progress = {
    counts: JSON.parse(row.counts as string),
    parts: JSON.parse(row.part_counts as string),
    planned: row.planned === 1,
  };
  const live = JSON.parse(row.live as string) as Counts;
  return {
    seq: Number(row.seq),
    record: {
      id: row.id as string,
      kind: row.kind as string,
      spec: JSON.parse(row.spec as string),
      status: row.status as JobStatus,
      createdAt: Number(row.created_at),
      startedAt: (row.started_at as number | null) ?? undefined,
      completedAt: (row.completed_at as number | null) ?? undefined,
      pinned: optional<Json>(row.pinned),
      progress: { ...sums, counts: addCounts({ ...sums.counts }, live) },
      error: optional<JobFailure>(row.error),
      report: optional<Json>(row.report),
      attempts: Number(row.attempts),
    },
    sums,
    planAfter: (row.plan_after as string | null) ?? undefined,
    owner: row.owner as string,
    cancel: row.cancel === 1,
    updatedAt: Number(row.updated_at),
  };
}
