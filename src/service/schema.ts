import type { Schema } from '../jobs/state/sql.ts';

/** What the service itself remembers, beside the engine's jobs. */
export const serviceSchema: Schema = {
  name: 'service',
  file: 'service.db',
  steps: [
    // Files of before there were steps have these tables already.
    `
  CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used INTEGER,
    revoked_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS exports (
    seq INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    id TEXT NOT NULL,
    job TEXT NOT NULL,
    spec TEXT NOT NULL,
    path TEXT NOT NULL,
    classes TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    UNIQUE (backend, id)
  );

  -- Jobs that the service goes on with after a restart, beside exports.
  CREATE TABLE IF NOT EXISTS started (job TEXT PRIMARY KEY) WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS schedules (
    name TEXT PRIMARY KEY,
    known_since INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    run_at INTEGER,
    job TEXT,
    status TEXT,
    commit_id TEXT,
    failures INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;

  -- Schedules that were made by the API or the page.
  CREATE TABLE IF NOT EXISTS own_schedules (name TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;

  -- What failed last, by what the job does, until it succeeds.
  CREATE TABLE IF NOT EXISTS failed_tasks (task TEXT PRIMARY KEY, attempt TEXT NOT NULL) WITHOUT ROWID;

  -- What became of a schedule's old exports when they were last looked at.
  CREATE TABLE IF NOT EXISTS retention (
    schedule TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    result TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
    `
  -- Who started, cancelled and changed what, where several services share a database; else it is a file of lines.
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT,
    address TEXT,
    outcome TEXT NOT NULL
  );
  CREATE INDEX audit_by_time ON audit (at);

  -- Until when callers have used up what they may do.
  CREATE TABLE rates (caller TEXT PRIMARY KEY, used_until INTEGER NOT NULL) WITHOUT ROWID;
  `,
    `
  -- Whether an export's job was there once: else it is being started, or its process died before that.
  ALTER TABLE exports ADD COLUMN submitted INTEGER NOT NULL DEFAULT 0;
  UPDATE exports SET submitted = 1;
  `,
  ],
};
