import type { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '../../../base/errors.ts';

/**
 * The steps that made the schema what it is; the database's user_version counts those it has seen. A step
 * that was once released never changes: a new one goes to the end.
 */
const MIGRATIONS: readonly string[] = [
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
];

/** Brings a database to the newest schema, each step whole or not at all, also when two processes try at once. */
export function migrate(db: DatabaseSync, path: string): void {
  const version = (): number =>
    (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version() === MIGRATIONS.length) return;
  for (;;) {
    db.exec('BEGIN IMMEDIATE');
    try {
      const at = version();
      if (at > MIGRATIONS.length) {
        throw new SluiceError(
          'CONFLICT',
          `${path} was written by a newer Sluice (schema ${at}, this one knows ${MIGRATIONS.length}). Use that version, or another state folder (--state).`,
        );
      }
      if (at === MIGRATIONS.length) {
        db.exec('COMMIT');
        return;
      }
      db.exec(MIGRATIONS[at]!);
      db.exec(`PRAGMA user_version = ${at + 1}`);
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  }
}
