import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** What the service itself remembers, beside the engine's jobs; several processes may share it. */
export class ServiceDatabase {
  readonly #db: DatabaseSync;

  /** @param folder the state folder */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#db = new DatabaseSync(join(folder, 'service.db'), { timeout: 10_000 });
    this.#db.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, roles TEXT NOT NULL, created_at INTEGER NOT NULL,
        expires_at INTEGER, last_used INTEGER, revoked_at INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS exports (
        seq INTEGER PRIMARY KEY, backend TEXT NOT NULL, id TEXT NOT NULL, job TEXT NOT NULL, spec TEXT NOT NULL,
        path TEXT NOT NULL, classes TEXT NOT NULL, started_at INTEGER NOT NULL, UNIQUE (backend, id));
      CREATE TABLE IF NOT EXISTS started (job TEXT PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS schedules (
        name TEXT PRIMARY KEY, known_since INTEGER NOT NULL, paused INTEGER NOT NULL DEFAULT 0, due_at INTEGER,
        run_at INTEGER, job TEXT, status TEXT, commit_id TEXT, failures INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS own_schedules (name TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS failed_tasks (task TEXT PRIMARY KEY, attempt TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS retention (
        schedule TEXT PRIMARY KEY, at INTEGER NOT NULL, result TEXT NOT NULL) WITHOUT ROWID;`);
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes);
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#db.prepare(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#db.prepare(sql).all(...values) as Row[];
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}
