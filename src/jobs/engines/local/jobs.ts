import { SluiceError } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';
import type { JobFilter, PruneRule } from '../../engine.ts';
import {
  addCounts,
  type Counts,
  type JobFailure,
  type JobRecord,
  type JobStatus,
  type Progress,
} from '../../job.ts';
import { containing, type Row, type Sql } from '../../state/sql.ts';
import type { Seen } from './owners.ts';

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
  /** What is known of that owner; nothing when it is gone. */
  seen: Seen | undefined;
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

const ENDED = `status IN ('SUCCESS', 'FAILED', 'CANCELED')`;
/** Of a job in a list: all but `pinned` and `report`, which may be large. */
const LISTED =
  'seq, jobs.id, kind, spec, status, created_at, started_at, completed_at, updated_at, attempts, planned, plan_after, counts, part_counts, live, error, cancel, owner';

/** Jobs read at once where there may be any number. */
export const PAGE = 1000;

/** The jobs in the database. Only a job's owner changes it, except to ask for its cancellation. */
export class JobTable {
  readonly #sql: Sql;
  /** What is known of a job's owner, beside the job's own columns. */
  readonly #withOwner: string;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#withOwner = `owners.host AS owner_host, owners.pid AS owner_pid,
      owners.identity AS owner_identity, ${sql.clock} - owners.heartbeat AS owner_silence
      FROM jobs LEFT JOIN owners ON owners.id = jobs.owner`;
  }

  /** @returns false when there is a job with this id already */
  async add(job: { id: string; kind: string; spec: Json; owner: string }): Promise<boolean> {
    const added = await this.#sql.run(
      `INSERT INTO jobs (id, kind, spec, status, created_at, updated_at, attempts, owner)
       VALUES (?, ?, ?, 'STARTED', ?, ${this.#sql.clock}, 1, ?) ON CONFLICT (id) DO NOTHING`,
      job.id,
      job.kind,
      JSON.stringify(job.spec),
      Date.now(),
      job.owner,
    );
    return added > 0;
  }

  async find(id: string): Promise<StoredJob | undefined> {
    const row = await this.#sql.get(`SELECT jobs.*, ${this.#withOwner} WHERE jobs.id = ?`, id);
    return row && toJob(row);
  }

  /** @throws SluiceError NOT_FOUND */
  async get(id: string): Promise<StoredJob> {
    const job = await this.find(id);
    if (!job) throw new SluiceError('NOT_FOUND', `There is no job "${id}". See: sluice jobs list`);
    return job;
  }

  async list(filter: JobFilter, limit: number): Promise<StoredJob[]> {
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
      const pattern = containing(filter.search);
      add(`(lower(jobs.id) LIKE ? ESCAPE '!' OR lower(spec) LIKE ? ESCAPE '!')`, pattern, pattern);
    }
    const condition = where.length > 0 ? `WHERE ${where.join(' AND ')}` : '';
    return this.#all(`${condition} ORDER BY seq DESC LIMIT ?`, ...values, limit);
  }

  /** Those that have not ended, the newest first. */
  unfinished(kind: string): Promise<StoredJob[]> {
    return this.#all(`WHERE status IN ('STARTED', 'TRANSFERRING') AND kind = ? ORDER BY seq DESC`, kind);
  }

  /** Jobs of other owners, in order of their last change, after that of `place`. */
  changedAfter(place: { updatedAt: number; seq: number }, notOwner: string): Promise<StoredJob[]> {
    return this.#all(
      `WHERE (updated_at > ? OR (updated_at = ? AND seq > ?)) AND owner <> ? ORDER BY updated_at, seq LIMIT ${PAGE}`,
      place.updatedAt,
      place.updatedAt,
      place.seq,
      notOwner,
    );
  }

  async #all(rest: string, ...values: (string | number)[]): Promise<StoredJob[]> {
    return (await this.#sql.all(`SELECT ${LISTED}, ${this.#withOwner} ${rest}`, ...values)).map(toJob);
  }

  /** Changes a job that `owner` owns; false when it is another's by now. */
  async change(seq: number, owner: string, change: JobChange): Promise<boolean> {
    const sets: string[] = [`updated_at = ${this.#sql.clock}`];
    const values: (string | number | null)[] = [];
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
    const update = `UPDATE jobs SET ${sets.join(', ')} WHERE seq = ? AND owner = ?`;
    return (await this.#sql.run(update, ...values, seq, owner)) > 0;
  }

  /** Gives a job a new owner, unless someone else was faster. */
  async takeOver(job: StoredJob, owner: string): Promise<boolean> {
    const changed = await this.#sql.run(
      `UPDATE jobs SET owner = ?, updated_at = ${this.#sql.clock} WHERE seq = ? AND owner = ? AND attempts = ?`,
      owner,
      job.seq,
      job.owner,
      job.record.attempts,
    );
    return changed > 0;
  }

  async requestCancel(seq: number): Promise<void> {
    await this.#sql.run('UPDATE jobs SET cancel = 1 WHERE seq = ?', seq);
  }

  /** Some jobs that have ended and that a rule lets go, the oldest first. */
  async prunable(
    { before, keep }: PruneRule,
    limit: number,
  ): Promise<{ seq: number; id: string; status: string }[]> {
    const rules: string[] = [];
    const values: number[] = [];
    if (before !== undefined) {
      rules.push('completed_at < ?');
      values.push(before);
    }
    if (keep !== undefined) {
      rules.push(`seq <= (SELECT seq FROM jobs WHERE ${ENDED} ORDER BY seq DESC LIMIT 1 OFFSET ?)`);
      values.push(keep);
    }
    if (rules.length === 0) return [];
    return await this.#sql.all(
      `SELECT seq, id, status FROM jobs WHERE ${ENDED} AND (${rules.join(' OR ')}) ORDER BY seq LIMIT ?`,
      ...values,
      limit,
    );
  }

  /** Removes a job that has ended, with the parts that it still has. */
  async forget(seq: number): Promise<boolean> {
    return (await this.#sql.run(`DELETE FROM jobs WHERE seq = ? AND ${ENDED}`, seq)) > 0;
  }

  /** The jobs of an owner that someone wants canceled. */
  async cancelRequests(owner: string): Promise<string[]> {
    const rows = await this.#sql.all<{ id: string }>(
      `SELECT id FROM jobs WHERE status IN ('STARTED', 'TRANSFERRING') AND owner = ? AND cancel = 1`,
      owner,
    );
    return rows.map((row) => row.id);
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
    seen:
      row.owner_host === null
        ? undefined
        : {
            host: row.owner_host as string,
            pid: Number(row.owner_pid),
            identity: row.owner_identity as string,
            silence: Number(row.owner_silence),
          },
    cancel: row.cancel === 1,
    updatedAt: Number(row.updated_at),
  };
}
