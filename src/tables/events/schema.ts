import type { Schema } from '../../jobs/state/sql.ts';

/** Events of lakes, and what became of them. */
export const eventsSchema: Schema = {
  name: 'events',
  file: 'table-events.db',
  steps: [
    // Files of before there were steps have these tables already.
    `
  CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    hook TEXT NOT NULL,
    status TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    job TEXT,
    error TEXT
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_branch ON events (repository, branch, status);

  -- The commit that the tables of a branch were last brought to.
  CREATE TABLE IF NOT EXISTS exported (
    repository TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (repository, branch)
  ) WITHOUT ROWID;
  `,
    `
  -- The process that works on the events of a branch, and until when it said so.
  CREATE TABLE workers (
    repository TEXT NOT NULL,
    branch TEXT NOT NULL,
    worker TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (repository, branch)
  ) WITHOUT ROWID;
  `,
  ],
};
