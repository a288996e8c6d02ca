import type { ScheduleSettings } from '../../config/settings.ts';
import type { JobStatus } from '../../jobs/job.ts';
import type { ServiceDatabase } from '../database.ts';

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

export class ScheduleStore {
  readonly #db: ServiceDatabase;

  constructor(db: ServiceDatabase) {
    this.#db = db;
  }

  /** Schedules that were made by the API or the page, in order of name. */
  async entries(): Promise<ScheduleSettings[]> {
    return this.#db
      .all<{ entry: string }>('SELECT entry FROM own_schedules ORDER BY name')
      .map(({ entry }) => JSON.parse(entry) as ScheduleSettings);
  }

  /** False when there is one of that name. */
  async add(entry: ScheduleSettings): Promise<boolean> {
    return (
      this.#db.run(
        'INSERT INTO own_schedules (name, entry) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
        entry.name,
        JSON.stringify(entry),
      ) > 0
    );
  }

  /** False when there is none of that name. */
  async replace(entry: ScheduleSettings): Promise<boolean> {
    return (
      this.#db.run('UPDATE own_schedules SET entry = ? WHERE name = ?', JSON.stringify(entry), entry.name) > 0
    );
  }

  /** Forgets a schedule and what it did; its jobs stay. */
  async remove(name: string): Promise<void> {
    this.#db.run('DELETE FROM own_schedules WHERE name = ?', name);
    this.#db.run('DELETE FROM schedules WHERE name = ?', name);
    this.#db.run('DELETE FROM retention WHERE schedule = ?', name);
  }

  /** What became of old exports when they were last looked at. */
  async retention(name: string): Promise<RetentionResult | undefined> {
    const row = this.#db.get<{ at: number; result: string }>(
      'SELECT at, result FROM retention WHERE schedule = ?',
      name,
    );
    return row && { at: row.at, ...(JSON.parse(row.result) as Omit<RetentionResult, 'at'>) };
  }

  async retained(name: string, { at, ...result }: RetentionResult): Promise<void> {
    this.#db.run(
      `INSERT INTO retention (schedule, at, result) VALUES (?, ?, ?)
       ON CONFLICT (schedule) DO UPDATE SET at = excluded.at, result = excluded.result`,
      name,
      at,
      JSON.stringify(result),
    );
  }

  async row(name: string): Promise<ScheduleRow> {
    this.#db.run('INSERT OR IGNORE INTO schedules (name, known_since) VALUES (?, ?)', name, Date.now());
    const row = this.#db.get<Omit<ScheduleRow, 'paused'> & { paused: number }>(
      `SELECT name, known_since AS knownSince, paused, due_at AS dueAt, run_at AS runAt, job, status,
       commit_id AS "commit", failures FROM schedules WHERE name = ?`,
      name,
    )!;
    return { ...row, paused: row.paused === 1 };
  }

  /** Takes care of a time it is due at; false when another process did. */
  async claim(name: string, due: number): Promise<boolean> {
    return (
      this.#db.run(
        'UPDATE schedules SET due_at = ? WHERE name = ? AND coalesce(due_at, 0) < ?',
        due,
        name,
        due,
      ) > 0
    );
  }

  async pause(name: string, paused: boolean): Promise<void> {
    this.#db.run('UPDATE schedules SET paused = ? WHERE name = ?', paused ? 1 : 0, name);
  }

  /** Notes a run; false when there is another one since `before`. */
  async began(name: string, before: string | null, job: string): Promise<boolean> {
    return (
      this.#db.run(
        `UPDATE schedules SET run_at = ?, job = ?, status = 'STARTED' WHERE name = ? AND job IS ?`,
        Date.now(),
        job,
        name,
        before,
      ) > 0
    );
  }

  async ended(name: string, status: JobStatus, commit: string | undefined): Promise<void> {
    this.#db.run(
      `UPDATE schedules SET status = ?, commit_id = coalesce(?, commit_id),
       failures = CASE ? WHEN 'SUCCESS' THEN 0 WHEN 'FAILED' THEN failures + 1 ELSE failures END WHERE name = ?`,
      status,
      status === 'SUCCESS' ? (commit ?? null) : null,
      status,
      name,
    );
  }
}
