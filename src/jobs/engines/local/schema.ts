import type { Schema } from '../../state/sql.ts';

/** Jobs, their parts, and the processes that run them. */
export const jobsSchema: Schema = {
  name: 'jobs',
  file: 'sluice.db',
  steps: [
    `
  -- A process that runs jobs. \`identity\` tells a process from a later one with the same pid.
  CREATE TABLE owners (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    identity TEXT NOT NULL,
    heartbeat INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- \`counts\` and \`part_counts\` are sums over \`parts\`, changed in the same transaction as they are;
  -- \`live\` is what parts in flight have counted so far, for onlookers only.
  CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    updated_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    pinned TEXT,
    planned INTEGER NOT NULL DEFAULT 0,
    plan_after TEXT,
    counts TEXT NOT NULL DEFAULT '{}',
    part_counts TEXT NOT NULL DEFAULT '{}',
    live TEXT NOT NULL DEFAULT '{}',
    error TEXT,
    report TEXT,
    cancel INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jobs_by_status ON jobs (status, seq);
  CREATE INDEX jobs_by_update ON jobs (updated_at);

  CREATE TABLE parts (
    job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    id TEXT NOT NULL,
    stage INTEGER NOT NULL,
    label TEXT NOT NULL,
    body TEXT NOT NULL,
    planned TEXT,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    counts TEXT,
    failures TEXT,
    error TEXT,
    skipped TEXT,
    data TEXT,
    started_at INTEGER,
    completed_at INTEGER,
    PRIMARY KEY (job, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parts_by_status ON parts (job, status, stage, id);
    `,
  ],
};
