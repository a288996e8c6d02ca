import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../../src/jobs/engines/temporal/connect.ts';
import type { Tuning } from '../../src/jobs/engines/temporal/messages.ts';
import { type CountingSpec, notes, partId } from '../support/counting-kind.ts';
import { bundleFile, type Place, temporalEngine } from '../support/temporal-engine.ts';
import { startTemporal } from './harness.ts';

const root = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
const [server, bundle] = await Promise.all([startTemporal(), bundleFile()]);
const client = await connectClient({ address: server.address, namespace: 'default' });
after(async () => {
  await client.connection.close();
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

const place = (): Place => ({ address: server.address, taskQueue: randomUUID(), bundle });
const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await sleep(100);
};
const doneIn = async (folder: string): Promise<string[]> =>
  (await notes<{ part: string }>(folder, 'done')).map(({ part }) => part);

/** How many runs the workflow of a job had. */
async function runsOf(id: string): Promise<number> {
  let count = 0;
  for await (const _ of client.workflow.list({ query: `WorkflowId = "${id}"` })) count++;
  return count;
}

/** Small pages and short histories: what a large job meets, a small one does. */
const SMALL: Partial<Tuning> = { pageParts: 5, mostEvents: 60 };

test('a job that continues as new again and again loses neither parts nor events nor a cancellation', async () => {
  const folder = join(root, 'again');
  const engine = await temporalEngine(place(), { tuning: SMALL });
  const id = randomUUID();
  const spec: CountingSpec = { folder, parts: 150, stages: 2, batch: 5, delay: 30 };
  const listener = new AbortController();
  const heard = new Set<string>();
  const { id: submitted } = await engine.submit('counting', spec, { id });
  const events = engine.events({ id, signal: listener.signal });
  const listening = (async () => {
    for await (const event of events)
      if (event.type === 'part' && event.status === 'SUCCESS') heard.add(event.part);
  })();
  await until(async () => (await doneIn(folder)).length > 100);
  await engine.cancel(submitted);
  const canceled = await engine.wait(id);
  assert.equal(canceled.status, 'CANCELED');
  await listening;
  const before = await doneIn(folder);
  assert.equal(new Set(before).size, before.length, 'no part ran twice');
  assert.ok(
    heard.size > 80,
    `events go on after the job continued as new; ${heard.size} of ${before.length}`,
  );
  await engine.resume(id);
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'SUCCESS');
  assert.deepEqual(ended.progress.parts, { SUCCESS: 150 });
  assert.deepEqual(ended.progress.counts, { plannedObjects: 300, objects: 300, bytes: 1500 });
  assert.equal(new Set(await doneIn(folder)).size, 150);
  assert.ok((await runsOf(id)) > 3);
  await engine.close();
});

test('a failed stage shuts out all pages of the next, however many', async () => {
  const folder = join(root, 'skipped');
  const engine = await temporalEngine(place(), { tuning: SMALL });
  const faults = { [partId(7)]: { code: 'ACCESS_DENIED' as const } };
  const spec: CountingSpec = { folder, parts: 100, stages: 2, batch: 5, faults };
  const { id } = await engine.submit('counting', spec);
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'FAILED');
  assert.deepEqual(ended.progress.parts, { SUCCESS: 49, FAILED: 1, SKIPPED: 50 });
  const skipped = await engine.parts(id, { status: 'SKIPPED' });
  assert.equal(skipped.length, 50);
  assert.match(skipped[0]!.skipped!, /1 part of an earlier stage failed/);
  await engine.close();
});

test('failures of many objects are kept as far as a history has room for them', async () => {
  const folder = join(root, 'denied');
  const engine = await temporalEngine(place());
  const fault = { code: 'ACCESS_DENIED' as const, item: 'x'.repeat(1000), items: 100 };
  const faults = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [partId(i), fault]));
  const { id } = await engine.submit('counting', { folder, parts: 4, faults });
  const ended = await engine.wait(id);
  assert.equal(ended.status, 'FAILED');
  assert.deepEqual(ended.progress.counts, { plannedObjects: 8, objects: 4, failed: 400 });
  for (const { failures, error } of await engine.parts(id)) {
    assert.ok(failures.length > 0 && JSON.stringify(failures).length < 45_000);
    assert.match(error!.message, /^100 failed/);
  }
  await engine.close();
});

for (const when of ['planned', 'done'] as const) {
  test(`a job that is terminated in Temporal once parts are ${when} goes on at once`, async () => {
    const folder = join(root, `terminated-${when}`);
    const engine = await temporalEngine(place(), { tuning: { pageParts: 20 } });
    const slowly = when === 'planned' ? { planDelay: 50 } : {};
    const spec: CountingSpec = { folder, parts: 200, batch: 10, delay: 30, ...slowly };
    const { id } = await engine.submit('counting', spec);
    await until(async () => (await doneIn(folder)).length > (when === 'done' ? 80 : 10));
    await client.workflow.getHandle(id).terminate('by hand');
    assert.equal((await engine.wait(id)).status, 'FAILED');
    await engine.resume(id);
    const ended = await engine.wait(id);
    assert.equal(ended.status, 'SUCCESS', ended.error?.message);
    assert.deepEqual(ended.progress.parts, { SUCCESS: 200 });
    assert.deepEqual(ended.progress.counts, { plannedObjects: 400, objects: 400, bytes: 2000 });
    const done = await doneIn(folder);
    assert.equal(new Set(done).size, 200);
    assert.ok(done.length < 220, `only what was in flight is done again, not ${done.length - 200}`);
    assert.equal((await notes(folder, 'finished')).length, 1);
    await engine.close();
  });
}

test('what a job that was terminated for good leaves is closed', async () => {
  const folder = join(root, 'left');
  const taskQueue = randomUUID();
  const engine = await temporalEngine({ ...place(), taskQueue });
  const { id } = await engine.submit('counting', { folder, parts: 200, delay: 30 });
  await until(async () => (await doneIn(folder)).length > 20);
  await client.workflow.getHandle(id).terminate('by hand');
  const open = `TaskQueue = "${taskQueue}" AND ExecutionStatus = "Running"`;
  await until(async () => (await client.workflow.count(open)).count === 0);
  assert.equal((await notes(folder, 'released')).length, 1);
  await engine.close();
});
