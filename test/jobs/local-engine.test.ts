import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { JobTable } from '../../src/jobs/engines/local/jobs.ts';
import { jobsSchema } from '../../src/jobs/engines/local/schema.ts';
import { openDatabase } from '../../src/jobs/state/open.ts';
import { engineContract } from '../contracts/engine.ts';
import { engineUnderTest, program, spawnEngine, testEngine } from '../support/local-engine.ts';

engineContract('local engine', engineUnderTest);

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-local-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a plan of many parts runs in a small heap', () =>
  inFolder(async (folder) => {
    const spec = { folder: join(folder, 'notes'), parts: 20_000, batch: 1000, quiet: true };
    const child = spawnEngine(join(folder, 'state'), 'large', spec, ['--max-old-space-size=24']);
    let output = '';
    child.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(output), {
      status: 'SUCCESS',
      progress: {
        counts: { plannedObjects: 40_000, objects: 40_000, bytes: 200_000 },
        parts: { SUCCESS: 20_000 },
        planned: true,
      },
    });
  }));

test('a job whose state can no longer be written stops, and goes on when there is room', () =>
  inFolder(async (folder) => {
    const state = join(folder, 'state');
    const spec = { folder: join(folder, 'notes'), parts: 6000, batch: 500, quiet: true };
    // No file may grow beyond half a MiB, and the write fails instead of killing the process.
    const script = `trap '' XFSZ; ulimit -f 512; exec "$0" "$@"`;
    const args = ['-c', script, process.execPath, program, state, 'full', JSON.stringify(spec)];
    const child = spawn('bash', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(stderr, /SluiceError: .*sluice\.db/);
    const engine = await testEngine(state, { partsAtOnce: 16 });
    const job = await engine.submit('counting', spec);
    assert.equal(job.id, 'full');
    const ended = await engine.wait('full');
    assert.deepEqual(ended.progress.parts, { SUCCESS: 6000 });
    await engine.close();
  }));

test('a state file of a newer version, or none of ours, is refused with a sentence', () =>
  inFolder(async (folder) => {
    const db = new DatabaseSync(join(folder, 'sluice.db'));
    db.exec('PRAGMA user_version = 999');
    db.close();
    await assert.rejects(testEngine(folder), { code: 'CONFLICT', message: /newer/ });
    await writeFile(join(folder, 'sluice.db'), 'this is no database, but a text of some length'.repeat(100));
    await assert.rejects(testEngine(folder), { code: 'CORRUPT' });
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(testEngine(join(folder, 'file')), { code: 'ACCESS_DENIED', message: /--state/ });
  }));

test('a job of another machine is interrupted once its process is silent for too long', () =>
  inFolder(async (folder) => {
    const engine = await testEngine(folder);
    const db = await openDatabase(folder, jobsSchema);
    for (const [id, silence] of [
      ['live', 5000],
      ['dead', 40_000],
    ] as const) {
      await db.run(
        `INSERT INTO owners (id, host, pid, identity, heartbeat) VALUES (?, 'elsewhere', 1, '', ${db.clock} - ?)`,
        ...[id, silence],
      );
      const spec = { folder: join(folder, id), parts: 3 };
      assert.equal(await new JobTable(db).add({ id, kind: 'counting', spec, owner: id }), true);
    }
    assert.equal((await engine.get('live')).interrupted, undefined);
    await assert.rejects(engine.resume('live'), { code: 'CONFLICT' });
    assert.equal((await engine.get('dead')).interrupted, true);
    await engine.resume('dead');
    assert.equal((await engine.wait('dead')).status, 'SUCCESS');
    await db.close();
    await engine.close();
  }));
