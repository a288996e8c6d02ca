import type { Counts, PartStatus } from '../../job.ts';
import type { Part, PartRecord } from '../../part.ts';
import type { PartEnd } from '../../part-end.ts';
import { containing, type Row, type Sql, type Value } from '../../state/sql.ts';

/** Without being told, SQLite reads a job's parts from the first on to find those of a status. */
const BY_STATUS = 'parts INDEXED BY parts_by_status';

/** The parts of jobs in the database. Sums over them are kept by the caller, in the same transaction. */
export class PartTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(job: number, parts: readonly Part[]): Promise<void> {
    return this.#sql.runEach(
      `INSERT INTO parts (job, id, stage, label, body, planned, status) VALUES (?, ?, ?, ?, ?, ?, 'PENDING')`,
      parts.map(({ id, stage, label, body, counts }) => [
        ...[job, id, stage, label, JSON.stringify(body)],
        counts ? JSON.stringify(counts) : null,
      ]),
    );
  }

  /** Takes waiting parts of a stage, lowest ids first; they count as started from here on. */
  async claim(job: number, stage: number, limit: number): Promise<PartRecord[]> {
    const now = Date.now();
    const rows = await this.#sql.all(
      `SELECT * FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING' AND stage = ? ORDER BY id LIMIT ?`,
      ...[job, stage, limit],
    );
    // SQLite takes longer for one UPDATE with RETURNING.
    await this.#sql.runEach(
      `UPDATE parts SET status = 'TRANSFERRING', attempts = attempts + 1, started_at = ? WHERE job = ? AND id = ?`,
      rows.map((row) => [now, job, row.id!]),
    );
    return rows.map((row) => ({
      ...toPart(row),
      status: 'TRANSFERRING',
      attempts: Number(row.attempts) + 1,
      startedAt: now,
    }));
  }

  /** Counts one more try of a part that runs. */
  async startAgain(job: number, id: string): Promise<void> {
    await this.#sql.run(
      `UPDATE parts SET attempts = attempts + 1, started_at = ? WHERE job = ? AND id = ?`,
      ...[Date.now(), job, id],
    );
  }

  /** Removes some parts of a job; gives how many. */
  forgetSome(job: number, limit: number): Promise<number> {
    return this.#sql.run(
      'DELETE FROM parts WHERE job = ? AND id IN (SELECT id FROM parts WHERE job = ? LIMIT ?)',
      ...[job, job, limit],
    );
  }

  end(job: number, ends: readonly PartEnd[]): Promise<void> {
    return this.#sql.runEach(
      'UPDATE parts SET status = ?, counts = ?, failures = ?, error = ?, skipped = ?, data = ?, completed_at = ? WHERE job = ? AND id = ?',
      ends.map((end): Value[] => [
        end.status,
        JSON.stringify(end.counts),
        end.failures.length > 0 ? JSON.stringify(end.failures) : null,
        end.error ? JSON.stringify(end.error) : null,
        end.skipped ?? null,
        end.data === undefined ? null : JSON.stringify(end.data),
        end.completedAt ?? null,
        job,
        end.id,
      ]),
    );
  }

  /** Makes up to `limit` parts of a status wait again; gives the counts that each had. */
  async reset(job: number, status: PartStatus, limit: number): Promise<Counts[]> {
    const rows = await this.#sql.all<{ id: string; counts: string | null }>(
      `SELECT id, counts FROM ${BY_STATUS} WHERE job = ? AND status = ? LIMIT ?`,
      ...[job, status, limit],
    );
    await this.#sql.runEach(
      `UPDATE parts SET status = 'PENDING', counts = NULL, failures = NULL, error = NULL, skipped = NULL,
         data = NULL, completed_at = NULL WHERE job = ? AND id = ?`,
      rows.map(({ id }) => [job, id]),
    );
    return rows.map(({ counts }) => (counts === null ? {} : JSON.parse(counts)));
  }

  /** Marks up to `limit` waiting parts as skipped; gives how many. */
  skipWaiting(job: number, reason: string, limit: number): Promise<number> {
    return this.#sql.run(
      `UPDATE parts SET status = 'SKIPPED', skipped = ?, completed_at = ? WHERE job = ? AND id IN
         (SELECT id FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING' LIMIT ?)`,
      ...[reason, Date.now(), job, job, limit],
    );
  }

  /** The lowest stage with waiting parts. */
  async nextStage(job: number): Promise<number | undefined> {
    const row = await this.#sql.get<{ stage: number | null }>(
      `SELECT min(stage) AS stage FROM ${BY_STATUS} WHERE job = ? AND status = 'PENDING'`,
      job,
    );
    return row?.stage ?? undefined;
  }

  /** In order of id. */
  async list(
    job: number,
    filter: { status?: PartStatus; search?: string; after?: string; limit: number },
  ): Promise<PartRecord[]> {
    const where = ['job = ?'];
    const values: (string | number)[] = [job];
    if (filter.status !== undefined) {
      // The empty text keeps the planner on the primary key, whose order is wanted: pages then cost the same each.
      where.push(`status || '' = ?`);
      values.push(filter.status);
    }
    if (filter.after !== undefined) {
      where.push('id > ?');
      values.push(filter.after);
    }
    if (filter.search) {
      where.push(
        `lower(id || ' ' || label || ' ' || coalesce(error, '') || ' ' || coalesce(failures, '')) LIKE ? ESCAPE '!'`,
      );
      values.push(containing(filter.search));
    }
    const select = `SELECT * FROM parts WHERE ${where.join(' AND ')} ORDER BY id LIMIT ?`;
    return (await this.#sql.all(select, ...values, filter.limit)).map(toPart);
  }

  /** Failed parts that ended since a time: what onlookers from other processes are told. */
  async failedSince(job: number, time: number): Promise<PartRecord[]> {
    const rows = await this.#sql.all(
      `SELECT * FROM ${BY_STATUS} WHERE job = ? AND status = 'FAILED' AND completed_at >= ? ORDER BY id LIMIT 1000`,
      ...[job, time],
    );
    return rows.map(toPart);
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
