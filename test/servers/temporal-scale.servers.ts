import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TemporalEngineOptions } from '../../src/jobs/engines/temporal/engine.ts';
import { type CountingSpec, letRun, notes, partId } from '../support/counting-kind.ts';
import { bundleFile, type Place, temporalEngine } from '../support/temporal-engine.ts';
import { until } from '../support/until.ts';
import { startTemporal } from './harness.ts';

const program = join(import.meta.dirname, '../support/temporal-engine.ts');
const root = await mkdtemp(join(tmpdir(), 'sluice-temporal-'));
const database = join(root, 'temporal.db');
const bundle = await bundleFile();
let server = await startTemporal({ database });
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

const place = (): Place => ({ address: server.address, taskQueue: randomUUID(), bundle });
async function startWorker(at: Place, options: Partial<TemporalEngineOptions> = {}): Promise<ChildProcess> {
  const args = [program, JSON.stringify(at), '', '', JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

async function stopped(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

test('workers share a job; one is killed, another leaves, and nothing is lost', async () => {
  const at = place();
  const folder = join(root, 'shared');
  const spec: CountingSpec = { folder, parts: 300, stages: 2, delay: 10, gated: true };
  const [first, second] = await Promise.all([startWorker(at), startWorker(at)]);
  const engine = await temporalEngine(at, { work: 'never' });
  const { id } = await engine.submit('counting', spec);
  const pids = async () => new Set((await notes<{ pid: number }>(folder, 'ran')).map(({ pid }) => pid));
  await letRun(folder, 60);
  await until(async () => (await pids()).size === 2);
  await stopped(first, 'SIGKILL');
  const third = await startWorker(at);
  await letRun(folder, 120);
  await until(async () => (await pids()).has(third.pid!));
  await letRun(folder);
  await stopped(second, 'SIGTERM');
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'SUCCESS');
  assert.equal(ended.attempts, 1, 'nobody had to go on with it');
  assert.deepEqual(ended.progress, {
    counts: { plannedObjects: 600, objects: 600, bytes: 3000 },
    parts: { SUCCESS: 300 },
    planned: true,
  });
  const done = (await notes<{ part: string }>(folder, 'done')).map(({ part }) => part);
  assert.equal(new Set(done).size, 300);
  assert.ok(done.length < 320, `only what was in flight is done again, not ${done.length - 300}`);
  assert.equal((await notes(folder, 'finished')).length, 1);
  await stopped(third, 'SIGTERM');
  await engine.close();
});

test('the server comes back with all it knew', async () => {
  const at = place();
  const folder = join(root, 'restart');
  const worker = await startWorker(at);
  const engine = await temporalEngine(at, { work: 'never' });
  const { id } = await engine.submit('counting', { folder, parts: 200, gated: true });
  await letRun(folder, 60);
  await until(async () => (await notes(folder, 'done')).length > 20);
  const { ports } = server;
  await server.stop();
  server = await startTemporal({ database, ports });
  await letRun(folder);
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'SUCCESS');
  assert.deepEqual(ended.progress.parts, { SUCCESS: 200 });
  const done = (await notes<{ part: string }>(folder, 'done')).map(({ part }) => part);
  assert.equal(new Set(done).size, 200);
  await stopped(worker, 'SIGTERM');
  await engine.close();
});

/** `SLUICE_TEST_PARTS=1000000` takes minutes, and shows the same. */
const PARTS = Number(process.env.SLUICE_TEST_PARTS ?? 100_000);

test(`a plan of ${PARTS} parts stays within what Temporal takes`, async () => {
  const at = place();
  const folder = join(root, 'large');
  const faults = { [partId(77_777)]: { code: 'ACCESS_DENIED' as const, untilFixed: true } };
  const spec: CountingSpec = { folder, parts: PARTS, batch: 1000, quiet: true, faults };
  const worker = await startWorker(at, {
    partsAtOnce: 8,
    tuning: { taskParts: 500, silence: 60_000 } as never,
  });
  const engine = await temporalEngine(at, {
    work: 'never',
    patience: 30_000,
    tuning: { taskParts: 500, silence: 60_000 } as never,
  });
  const { id } = await engine.submit('counting', spec);
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'SUCCESS');
  assert.deepEqual(ended.progress.counts, {
    plannedObjects: 2 * PARTS,
    objects: 2 * PARTS,
    bytes: 10 * PARTS,
  });
  assert.deepEqual(ended.report, { seen: { SUCCESS: PARTS } });
  const [last] = await engine.parts(id, { after: partId(PARTS - 2) });
  assert.equal(last!.id, partId(PARTS - 1));
  assert.deepEqual(await engine.parts(id, { status: 'FAILED' }), []);
  await stopped(worker, 'SIGTERM');
  await engine.close();
});
