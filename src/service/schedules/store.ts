import { SluiceError } from '../../base/errors.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import type { JobStatus } from '../../jobs/job.ts';
import type { Sql } from '../../jobs/state/sql.ts';

/** What is remembered of a schedule. Times are milliseconds since 1970. */
export interface ScheduleRow {
  name: string;
  knownSince: number;
  paused: boolean;
  /** The newest time it was due at and taken care of. */
  dueAt: number | null;
  /** Its newest run. */
  runAt: number | null;
  job: string | null;
  status: JobStatus | null;
  /** The commit that the newest success exported. */
  commit: string | null;
  /** Since the last success. */
  failures: number;
}

/** Times are milliseconds since 1970. */
export interface RetentionResult {
  at: number;
  kept: number;
  deleted: number;
  failed: number;
  /** Folders of those that were deleted; the first ones. */
  gone: string[];
  /** Why nothing could be done. */
  error?: string;
}

const COLUMNS = `name, known_since AS "knownSince", paused, due_at AS "dueAt", run_at AS "runAt", job, status,
  commit_id AS "commit", failures`;
const UNFINISHED = `status NOT IN ('SUCCESS', 'FAILED', 'CANCELED')`;

/** Schedules in the database. Of all services on it, one makes each change. */
export class ScheduleStore {
  readonly #db: Sql;

  constructor(db: Sql) {
    this.#db = db;
  }

  /** Schedules that were made by the API or the page, in order of name. */
  async entries(): Promise<ScheduleSettings[]> {
    const rows = await this.#db.all<{ entry: string }>('SELECT entry FROM own_schedules ORDER BY name');
    return rows.map(({ entry }) => JSON.parse(entry) as ScheduleSettings);
  }

  /** False when there is one of that name. */
  async add(entry: ScheduleSettings): Promise<boolean> {
    const added = await this.#db.run(
      'INSERT INTO own_schedules (name, entry) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
      ...[entry.name, JSON.stringify(entry)],
    );
    return added > 0;
  }

  /** False when there is none of that name. */
  async replace(entry: ScheduleSettings): Promise<boolean> {
    const replaced = await this.#db.run(
      'UPDATE own_schedules SET entry = ? WHERE name = ?',
      ...[JSON.stringify(entry), entry.name],
    );
    return replaced > 0;
  }

  /** Forgets a schedule and what it did; its jobs stay. */
  async remove(name: string): Promise<void> {
    for (const table of ['own_schedules WHERE name', 'schedules WHERE name', 'retention WHERE schedule']) {
      await this.#db.run(`DELETE FROM ${table} = ?`, name);
    }
  }

  /** What became of old exports when they were last looked at. */
  async retention(name: string): Promise<RetentionResult | undefined> {
    const row = await this.#db.get<{ at: number; result: string }>(
      'SELECT at, result FROM retention WHERE schedule = ?',
      name,
    );
    return row && { at: row.at, ...(JSON.parse(row.result) as Omit<RetentionResult, 'at'>) };
  }

  async retained(name: string, { at, ...result }: RetentionResult): Promise<void> {
    await this.#db.run(
      `INSERT INTO retention (schedule, at, result) VALUES (?, ?, ?)
       ON CONFLICT (schedule) DO UPDATE SET at = excluded.at, result = excluded.result`,
      ...[name, at, JSON.stringify(result)],
    );
  }

  async row(name: string): Promise<ScheduleRow> {
    const select = `SELECT ${COLUMNS} FROM schedules WHERE name = ?`;
    type Stored = Omit<ScheduleRow, 'paused'> & { paused: number };
    let row = await this.#db.get<Stored>(select, name);
    if (!row) {
      const now = Date.now();
      await this.#db.run(
        'INSERT INTO schedules (name, known_since) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
        ...[name, now],
      );
      row = await this.#db.get<Stored>(select, name);
    }
    if (row) return { ...row, paused: row.paused === 1 };
    throw new SluiceError('NOT_FOUND', `The schedule "${name}" was just deleted.`);
  }

  /** The newest runs whose ends were not noted yet. */
  unfinished(): Promise<{ name: string; job: string }[]> {
    return this.#db.all(`SELECT name, job FROM schedules WHERE job IS NOT NULL AND ${UNFINISHED}`);
  }

  /** Takes care of a time it is due at; false when another process did. */
  async claim(name: string, due: number): Promise<boolean> {
    const claimed = await this.#db.run(
      'UPDATE schedules SET due_at = ? WHERE name = ? AND coalesce(due_at, 0) < ?',
      ...[due, name, due],
    );
    return claimed > 0;
  }

  async pause(name: string, paused: boolean): Promise<void> {
    await this.#db.run('UPDATE schedules SET paused = ? WHERE name = ?', paused ? 1 : 0, name);
  }

  /** Notes a run; false when there is another one since `before`, or that one has not ended. */
  async began(name: string, before: string | null, run: { job: string; at: number }): Promise<boolean> {
    const noted = await this.#db.run(
      `UPDATE schedules SET run_at = ?, job = ?, status = 'STARTED'
       WHERE name = ? AND job IS NOT DISTINCT FROM ? AND (status IS NULL OR NOT ${UNFINISHED})`,
      ...[run.at, run.job, name, before],
    );
    return noted > 0;
  }

  /** Notes the end of a run; false when another process did. */
  async ended(name: string, job: string, status: JobStatus, commit: string | undefined): Promise<boolean> {
    const noted = await this.#db.run(
      `UPDATE schedules SET status = ?, commit_id = coalesce(?, commit_id),
       failures = CASE ? WHEN 'SUCCESS' THEN 0 WHEN 'FAILED' THEN failures + 1 ELSE failures END
       WHERE name = ? AND job = ? AND ${UNFINISHED}`,
      ...[status, status === 'SUCCESS' ? (commit ?? null) : null, status, name, job],
    );
    return noted > 0;
  }
}
