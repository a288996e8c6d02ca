import { DatabaseSync } from 'node:sqlite';
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
  job?: string;
  error?: string;
}

export interface Branch {
  repository: string;
  branch: string;
}

const COLUMNS = `id, repository, branch, commit_id AS "commit", hook, status, received_at AS receivedAt,
  not_before AS notBefore, attempts, job, error`;

/** Events on disk: what was accepted outlives the process. */
export class EventStore {
  readonly #database: DatabaseSync;

  /** @param path ':memory:' or a file */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 10000;
      CREATE TABLE IF NOT EXISTS events (
        id TEXT PRIMARY KEY, repository TEXT NOT NULL, branch TEXT NOT NULL, commit_id TEXT NOT NULL, hook TEXT NOT NULL,
        status TEXT NOT NULL, received_at INTEGER NOT NULL, not_before INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0, job TEXT, error TEXT) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS by_branch ON events (repository, branch, status);
      CREATE TABLE IF NOT EXISTS exported (repository TEXT NOT NULL, branch TEXT NOT NULL, commit_id TEXT NOT NULL,
        PRIMARY KEY (repository, branch)) WITHOUT ROWID;`);
  }

  /** @returns false when the event is known */
  add(event: LakeEvent, now: number): boolean {
    const { repository_id, branch_id, commit_id, hook_id } = event;
    const result = this.#database
      .prepare(
        `INSERT OR IGNORE INTO events (id, repository, branch, commit_id, hook, status, received_at)
         VALUES (?, ?, ?, ?, ?, 'WAITING', ?)`,
      )
      .run(eventId(event), repository_id, branch_id, commit_id, hook_id, now);
    return result.changes === 1;
  }

  get(id: string): EventRecord | undefined {
    return this.#database.prepare(`SELECT ${COLUMNS} FROM events WHERE id = ?`).get(id) as unknown as
      | EventRecord
      | undefined;
  }

  /** Newest first. */
  list(filter: Partial<Branch> & { status?: EventStatus; limit?: number } = {}): EventRecord[] {
    const { repository = null, branch = null, status = null, limit = 100 } = filter;
    return this.#database
      .prepare(
        `SELECT ${COLUMNS} FROM events WHERE repository = coalesce(?, repository) AND branch = coalesce(?, branch)
         AND status = coalesce(?, status) ORDER BY received_at DESC, id LIMIT ?`,
      )
      .all(repository, branch, status, limit) as unknown as EventRecord[];
  }

  /** Those of a branch that wait or were cut off. */
  open({ repository, branch }: Branch): EventRecord[] {
    return this.#database
      .prepare(
        `SELECT ${COLUMNS} FROM events WHERE repository = ? AND branch = ? AND status IN ('WAITING', 'RUNNING')
         ORDER BY received_at, id`,
      )
      .all(repository, branch) as unknown as EventRecord[];
  }

  /** Branches with something to do. */
  openBranches(): Branch[] {
    return this.#database
      .prepare("SELECT DISTINCT repository, branch FROM events WHERE status IN ('WAITING', 'RUNNING')")
      .all() as unknown as Branch[];
  }

  update(
    id: string,
    change: Partial<Pick<EventRecord, 'status' | 'notBefore' | 'attempts' | 'job' | 'error'>>,
  ): void {
    const { status = null, notBefore = null, attempts = null, job = null } = change;
    this.#database
      .prepare(
        `UPDATE events SET status = coalesce(?, status), not_before = coalesce(?, not_before),
         attempts = coalesce(?, attempts), job = coalesce(?, job), error = ? WHERE id = ?`,
      )
      .run(status, notBefore, attempts, job, change.error ?? null, id);
  }

  /** Lets all open events of a branch wait, at once however many they are. */
  postpone({ repository, branch }: Branch, notBefore: number): void {
    this.#database
      .prepare(
        `UPDATE events SET not_before = ? WHERE repository = ? AND branch = ? AND status IN ('WAITING', 'RUNNING')`,
      )
      .run(notBefore, repository, branch);
  }

  /** The commit that a branch's tables were last brought to. */
  exported({ repository, branch }: Branch): string | undefined {
    const row = this.#database
      .prepare('SELECT commit_id AS id FROM exported WHERE repository = ? AND branch = ?')
      .get(repository, branch);
    return row?.id as string | undefined;
  }

  noteExported({ repository, branch, commit }: Branch & { commit: string }): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO exported VALUES (?, ?, ?)')
      .run(repository, branch, commit);
  }

  /** Forgets what ended before a time; the same event would be run again after that. */
  prune(before: number): void {
    this.#database
      .prepare("DELETE FROM events WHERE status IN ('DONE', 'SUPERSEDED') AND received_at < ?")
      .run(before);
  }

  close(): void {
    this.#database.close();
  }
}
