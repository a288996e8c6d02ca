import type { Sql } from '../../jobs/state/sql.ts';
import { eventId, type LakeEvent } from './event.ts';

/** WAITING → RUNNING → DONE · FAILED; SUPERSEDED: a newer commit of the branch was exported instead. */
export type EventStatus = 'WAITING' | 'RUNNING' | 'DONE' | 'FAILED' | 'SUPERSEDED';

export interface EventRecord {
  id: string;
  repository: string;
  branch: string;
  commit: string;
  hook: string;
  status: EventStatus;
  /** Milliseconds since 1970. */
  receivedAt: number;
  /** Not before this time; after a failure. */
  notBefore: number;
  attempts: number;
  job: string | null;
  error: string | null;
}

export interface Branch {
  repository: string;
  branch: string;
}

const COLUMNS = `id, repository, branch, commit_id AS "commit", hook, status, received_at AS "receivedAt",
  not_before AS "notBefore", attempts, job, error`;
const OPEN = `status IN ('WAITING', 'RUNNING')`;

/** Events in the database: what was accepted outlives the process. */
export class EventStore {
  readonly #db: Sql;

  constructor(db: Sql) {
    this.#db = db;
  }

  /** @returns false when the event is known */
  async add(event: LakeEvent, now: number): Promise<boolean> {
    const { repository_id, branch_id, commit_id, hook_id } = event;
    const added = await this.#db.run(
      `INSERT INTO events (id, repository, branch, commit_id, hook, status, received_at)
       VALUES (?, ?, ?, ?, ?, 'WAITING', ?) ON CONFLICT (id) DO NOTHING`,
      ...[eventId(event), repository_id, branch_id, commit_id, hook_id, now],
    );
    return added > 0;
  }

  get(id: string): Promise<EventRecord | undefined> {
    return this.#db.get(`SELECT ${COLUMNS} FROM events WHERE id = ?`, id);
  }

  /** Newest first. */
  list(filter: Partial<Branch> & { status?: EventStatus; limit?: number } = {}): Promise<EventRecord[]> {
    const { repository = null, branch = null, status = null, limit = 100 } = filter;
    return this.#db.all(
      `SELECT ${COLUMNS} FROM events WHERE repository = coalesce(?, repository) AND branch = coalesce(?, branch)
       AND status = coalesce(?, status) ORDER BY received_at DESC, id LIMIT ?`,
      ...[repository, branch, status, limit],
    );
  }

  /** Those of a branch that wait or were cut off. */
  open({ repository, branch }: Branch): Promise<EventRecord[]> {
    return this.#db.all(
      `SELECT ${COLUMNS} FROM events WHERE repository = ? AND branch = ? AND ${OPEN} ORDER BY received_at, id`,
      ...[repository, branch],
    );
  }

  /** Branches with something to do. */
  openBranches(): Promise<Branch[]> {
    return this.#db.all(`SELECT DISTINCT repository, branch FROM events WHERE ${OPEN}`);
  }

  async update(
    id: string,
    change: Partial<Pick<EventRecord, 'status' | 'notBefore' | 'attempts' | 'job' | 'error'>>,
  ): Promise<void> {
    const { status = null, notBefore = null, attempts = null, job = null, error = null } = change;
    await this.#db.run(
      `UPDATE events SET status = coalesce(?, status), not_before = coalesce(?, not_before),
       attempts = coalesce(?, attempts), job = coalesce(?, job), error = ? WHERE id = ?`,
      ...[status, notBefore, attempts, job, error, id],
    );
  }

  supersede(ids: readonly string[]): Promise<void> {
    return this.#db.runEach(
      `UPDATE events SET status = 'SUPERSEDED', error = NULL WHERE id = ?`,
      ids.map((id) => [id]),
    );
  }

  /** Lets all open events of a branch wait, at once however many they are. */
  async postpone({ repository, branch }: Branch, notBefore: number): Promise<void> {
    await this.#db.run(
      `UPDATE events SET not_before = ? WHERE repository = ? AND branch = ? AND ${OPEN}`,
      ...[notBefore, repository, branch],
    );
  }

  /** The commit that a branch's tables were last brought to. */
  async exported({ repository, branch }: Branch): Promise<string | undefined> {
    const row = await this.#db.get<{ id: string }>(
      'SELECT commit_id AS id FROM exported WHERE repository = ? AND branch = ?',
      ...[repository, branch],
    );
    return row?.id;
  }

  async noteExported({ repository, branch, commit }: Branch & { commit: string }): Promise<void> {
    await this.#db.run(
      `INSERT INTO exported (repository, branch, commit_id) VALUES (?, ?, ?)
       ON CONFLICT (repository, branch) DO UPDATE SET commit_id = excluded.commit_id`,
      ...[repository, branch, commit],
    );
  }

  /**
   * Takes a branch, or keeps it, so that one process at a time works on its events; false while it is another's.
   * @param time milliseconds after which others may take it, unless it is kept
   */
  async claim({ repository, branch }: Branch, worker: string, time: number): Promise<boolean> {
    const { clock } = this.#db;
    const claimed = await this.#db.run(
      `INSERT INTO workers (repository, branch, worker, until) VALUES (?, ?, ?, ${clock} + ?)
       ON CONFLICT (repository, branch) DO UPDATE SET worker = excluded.worker, until = excluded.until
       WHERE workers.worker = excluded.worker OR workers.until < ${clock}`,
      ...[repository, branch, worker, time],
    );
    return claimed > 0;
  }

  async letGo({ repository, branch }: Branch, worker: string): Promise<void> {
    await this.#db.run(
      'DELETE FROM workers WHERE repository = ? AND branch = ? AND worker = ?',
      ...[repository, branch, worker],
    );
  }

  /** Forgets what ended before a time; the same event would be run again after that. */
  async prune(before: number): Promise<void> {
    await this.#db.run(
      "DELETE FROM events WHERE status IN ('DONE', 'SUPERSEDED') AND received_at < ?",
      before,
    );
  }
}
