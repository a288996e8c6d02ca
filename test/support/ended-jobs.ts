import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Jobs that ended long ago, as the engine keeps them. */
export function addEndedJobs(stateFolder: string, count: number): void {
  const db = new DatabaseSync(join(stateFolder, 'sluice.db'));
  const insert = db.prepare(
    `INSERT INTO jobs (id, kind, spec, status, created_at, started_at, completed_at, updated_at, attempts, planned, counts, owner)
     VALUES (?, 'lake-export', ?, ?, ?, ?, ?, ?, 1, 1, ?, 'nobody')`,
  );
  db.exec('BEGIN');
  const first = Date.now() - count * 60_000;
  for (let i = 0; i < count; i++) {
    const at = first + i * 60_000;
    const spec = { source: `lakefs://shop/branch-${i % 7}`, destination: `s3://exports/shop/${i}` };
    const counts = { objects: 100 + (i % 90), bytes: 1e6 * (1 + (i % 50)) };
    const id = `old-${String(i).padStart(5, '0')}`;
    const status = i % 9 === 4 ? 'FAILED' : 'SUCCESS';
    insert.run(
      id,
      JSON.stringify(spec),
      status,
      at,
      at,
      at + 1000 + (i % 40) * 900,
      at,
      JSON.stringify(counts),
    );
  }
  db.exec('COMMIT');
  db.close();
}
