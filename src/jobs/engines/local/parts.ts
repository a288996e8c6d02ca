import type { Counts, PartStatus } from '../../job.ts';
import type { Part, PartRecord } from '../../part.ts';
import type { PartEnd } from '../../part-end.ts';
import type { Database, Row } from './database.ts';

/** Without being told, SQLite reads a job's parts from the first on to find those of a status. */
const BY_STATUS = 'parts INDEXED BY parts_by_status';

/** The parts of jobs in the database. Sums over them are kept by the caller, in the same transaction. */
export class PartTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(job: number, part: Part): void {
    this.#db.run(
      `INSERT INTO parts (job, id, stage, label, body, planned, status) VALUES (?, ?, ?, ?, ?, ?, 'PENDING')`,
      job,
      part.id,
      part.stage,
      part.label,
      JSON.stringify(part.body),
      part.counts ? JSON.stringify(part.counts) : null,
    );
  }

  /** Takes waiting parts of a stage, lowest ids first; they count as started from here on. */
  claim(job: number, stage: number, limit: number): PartRecord[] {
    const rows = this.#db.all(
      `SELECT * FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING' AND stage = ? ORDER BY id LIMIT ?`,
      job,
      stage,
      limit,
    );
    const now = Date.now();
    return rows.map((row) => {
      this.#start(job, row.id as string, now);
      return { ...toPart(row), status: 'TRANSFERRING', attempts: Number(row.attempts) + 1, startedAt: now };
    });
  }

  /** Counts one more try of a part that runs. */
  startAgain(job: number, id: string): void {
    this.#start(job, id, Date.now());
  }

  #start(job: number, id: string, now: number): void {
    this.#db.run(
      `UPDATE parts SET status = 'TRANSFERRING', attempts = attempts + 1, started_at = ? WHERE job = ? AND id = ?`,
      now,
      job,
      id,
    );
  }

  end(job: number, end: PartEnd): void {
    this.#db.run(
      'UPDATE parts SET status = ?, counts = ?, failures = ?, error = ?, skipped = ?, data = ?, completed_at = ? WHERE job = ? AND id = ?',
      end.status,
      JSON.stringify(end.counts),
      end.failures.length > 0 ? JSON.stringify(end.failures) : null,
      end.error ? JSON.stringify(end.error) : null,
      end.skipped ?? null,
      end.data === undefined ? null : JSON.stringify(end.data),
      end.completedAt ?? null,
      job,
      end.id,
    );
  }

  /** Makes up to `limit` parts of a status wait again; gives the counts that each had. */
  reset(job: number, status: PartStatus, limit: number): Counts[] {
    const rows = this.#db.all(
      `SELECT id, counts FROM ${BY_STATUS} WHERE job = ? AND status = ? LIMIT ?`,
      job,
      status,
      limit,
    );
    for (const { id } of rows) {
      this.#db.run(
        `UPDATE parts SET status = 'PENDING', counts = NULL, failures = NULL, error = NULL, skipped = NULL,
           data = NULL, completed_at = NULL WHERE job = ? AND id = ?`,
        job,
        id!,
      );
    }
    return rows.map((row) => (row.counts === null ? {} : JSON.parse(row.counts as string)));
  }

  /** Marks up to `limit` waiting parts as skipped; gives how many. */
  skipWaiting(job: number, reason: string, limit: number): number {
    return this.#db.run(
      `UPDATE parts SET status = 'SKIPPED', skipped = ?, completed_at = ? WHERE job = ? AND id IN
         (SELECT id FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING' LIMIT ?)`,
      reason,
      Date.now(),
      job,
      job,
      limit,
    );
  }

  /** The lowest stage with waiting parts. */
  nextStage(job: number): number | undefined {
    const row = this.#db.get(
      `SELECT min(stage) AS stage FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING'`,
      job,
    );
    return row?.stage === null ? undefined : Number(row?.stage);
  }

  /** In order of id. */
  list(
    job: number,
    filter: { status?: PartStatus; search?: string; after?: string; limit: number },
  ): PartRecord[] {
    const where = ['job = ?'];
    const values: (string | number)[] = [job];
    if (filter.status !== undefined) {
      // The plus keeps SQLite on the primary key, whose order is wanted: pages then cost the same each.
      where.push('+status = ?');
      values.push(filter.status);
    }
    if (filter.after !== undefined) {
      where.push('id > ?');
      values.push(filter.after);
    }
    if (filter.search) {
      where.push(
        `instr(lower(id || ' ' || label || ' ' || coalesce(error, '') || ' ' || coalesce(failures, '')), ?) > 0`,
      );
      values.push(filter.search.toLowerCase());
    }
    return this.#db
      .all(`SELECT * FROM parts WHERE ${where.join(' AND ')} ORDER BY id LIMIT ?`, ...values, filter.limit)
      .map(toPart);
  }

  /** Failed parts that ended since a time: what onlookers from other processes are told. */
  failedSince(job: number, time: number): PartRecord[] {
    return this.#db
      .all(
        `SELECT * FROM ${BY_STATUS} WHERE job = ? AND status = 'FAILED' AND completed_at >= ? ORDER BY id LIMIT 1000`,
        job,
        time,
      )
      .map(toPart);
  }
}

function toPart(row: Row): PartRecord {
  const optional = <T>(text: unknown): T | undefined =>
    text === null ? undefined : JSON.parse(text as string);
  return {
    id: row.id as string,
    stage: Number(row.stage),
    label: row.label as string,
    body: JSON.parse(row.body as string),
    status: row.status as PartStatus,
    attempts: Number(row.attempts),
    counts: { ...optional<Counts>(row.planned), ...optional<Counts>(row.counts) },
    failures: optional<PartRecord['failures']>(row.failures) ?? [],
    error: optional<PartRecord['error']>(row.error),
    skipped: (row.skipped as string | null) ?? undefined,
    data: optional<PartRecord['data']>(row.data),
    startedAt: (row.started_at as number | null) ?? undefined,
    completedAt: (row.completed_at as number | null) ?? undefined,
  };
}
