import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { readAll } from '../../../src/stores/read.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { contents, lakeBench } from '../../support/lake-export.ts';

const to = 'memory://out/here';
const source = 'lakefs://repo/main';

test('after a run that failed in the middle, --since last makes up for both differences', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (const name of ['reverted', 'kept', 'broken']) await lake.put('main', name, 'A');
  await lake.commit('main', 'A');
  await run({ source, destination: to });

  await lake.put('main', 'reverted', 'B');
  await lake.put('main', 'only in B', 'B');
  await lake.put('main', 'broken', 'B');
  await lake.commit('main', 'B');
  lake.server.faults.add({ path: /objects\?.*broken/, status: 410, message: 'gone' });
  const failed = await run({ source, destination: to, since: 'last' });
  assert.deepEqual([failed.status, failed.report.failures.map((f) => f.item)], ['FAILED', ['broken']]);
  assert.match(failed.report.marker!, /_FAILURE$/);
  const { store } = await app.open(to);
  assert.deepEqual(await contents(store, 'here/'), {
    broken: 'A',
    kept: 'A',
    'only in B': 'B',
    reverted: 'B',
  });

  lake.server.faults.clear();
  await lake.put('main', 'reverted', 'A');
  await lake.put('main', 'broken', 'C');
  lake.delete('main', 'only in B');
  await lake.commit('main', 'C');
  const mended = await run({ source, destination: to, since: 'last' });
  assert.deepEqual([mended.status, mended.report.mode], ['SUCCESS', 'incremental']);
  assert.deepEqual(await contents(store, 'here/'), { broken: 'C', kept: 'A', reverted: 'A' });
});

test('when data fails, neither table logs, nor markers, nor deletes are done', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (const name of ['t/old.parquet', 't/_delta_log/00000000000000000000.json', 't/_SUCCESS'])
    await lake.put('main', name, '0');
  await lake.commit('main', 'A');
  await run({ source, destination: to });
  lake.delete('main', 't/old.parquet');
  await lake.put('main', 't/new.parquet', '1');
  await lake.put('main', 't/_delta_log/00000000000000000001.json', '1');
  await lake.put('main', 't/_SUCCESS', '1');
  await lake.commit('main', 'B');
  lake.server.faults.add({ path: /objects\?.*new\.parquet/, status: 410 });
  const failed = await run({ source, destination: to });
  assert.equal(failed.status, 'FAILED');
  const { store } = await app.open(to);
  const before = { 't/_SUCCESS': '0', 't/_delta_log/00000000000000000000.json': '0', 't/old.parquet': '0' };
  assert.deepEqual(await contents(store, 'here/'), before);
  lake.server.faults.clear();
  assert.equal((await run({ source, destination: to })).status, 'SUCCESS');
  assert.deepEqual(Object.keys(await contents(store, 'here/')), [
    't/_SUCCESS',
    't/_delta_log/00000000000000000000.json',
    't/_delta_log/00000000000000000001.json',
    't/new.parquet',
  ]);
});

test('without the right to read metadata the same is exported by listings', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (let i = 0; i < 200; i++) await lake.put('main', `d/${i}`, `${i}`);
  await lake.commit('main', 'A');
  lake.server.faults.add({ path: /\/metadata\//, status: 403, message: 'insufficient permissions' });
  const full = await run({ source, destination: to });
  assert.deepEqual([full.status, full.report.objects.copied], ['SUCCESS', 200]);
  lake.delete('main', 'd/7');
  await lake.put('main', 'd/8', 'changed');
  await lake.commit('main', 'B');
  const delta = await run({ source, destination: to, since: 'last' });
  assert.deepEqual([delta.report.objects.copied, delta.report.objects.deleted], [1, 1]);
  assert.equal(Object.keys(await contents((await app.open(to)).store, 'here/')).length, 199);
});

test('a second run on one destination is refused while the first one works', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'slow', 'x');
  await lake.commit('main', 'A');
  const refused = Promise.withResolvers<void>();
  lake.server.faults.add({ path: /objects\?.*slow/, wait: () => refused.promise, times: 1 });
  const engine = await app.engine();
  const first = await engine.submit('lake-export', { source, destination: to });
  while (
    !Object.keys(await contents((await app.open('memory://out')).store, 'here/_sluice/default/')).includes(
      'lease.json',
    )
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const second = await run({ source, destination: to, marker: 'none' });
  assert.deepEqual([second.status, second.error!.code], ['FAILED', 'LEASED']);
  assert.match(second.error!.message, new RegExp(first.id));
  refused.resolve();
  assert.equal((await engine.wait(first.id)).status, 'SUCCESS');
});

test('bodies that are cut, corrupted or late on their way come out right, or not at all', async (t) => {
  const { lake, app, folder } = await lakeBench(t);
  for (let i = 0; i < 12; i++) await lake.put('main', `d/${i}`, `${i}`.repeat(5000));
  await lake.commit('main', 'A');
  const proxy = await startFaultProxy(lake.url);
  t.after(() => proxy.stop());
  const { createApp } = await import('../../../src/app.ts');
  const behind = {
    name: 'behind',
    type: 'lakefs',
    endpoint: proxy.endpoint,
    access_key_id: lake.server.accessKeyId,
    secret_access_key: lake.server.secretAccessKey,
  };
  const other = await createApp({
    ...app.settings,
    state: `${folder}/state2`,
    connections: [behind],
    use: { 'lakefs://': 'behind' },
  });
  t.after(() => other.close());
  const run = async (destination: string) => {
    const engine = await other.engine();
    const { id } = await engine.submit('lake-export', { source, destination });
    return engine.wait(id);
  };
  const bytes = { method: 'GET', path: /objects\?path/ };
  proxy.rule({ ...bytes, times: 2 }, { cutAfter: 100 });
  proxy.rule({ ...bytes, times: 2, skip: 1 }, { corruptAt: 10 });
  proxy.rule({ ...bytes, times: 2, skip: 2 }, { truncateTo: 50 });
  proxy.rule({ ...bytes, times: 2, skip: 3 }, { answer: { status: 503, headers: { 'retry-after': '0' } } });
  const job = await run('memory://faults/a');
  assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
  const { store } = await other.open('memory://faults');
  for (let i = 0; i < 12; i++) assert.equal((await contents(store, 'a/'))[`d/${i}`], `${i}`.repeat(5000));

  proxy.rule(
    { method: 'GET', path: /objects\?path=d%2F3|objects\?path=d\/3/, times: 1000 },
    { corruptAt: 10 },
  );
  const corrupt = await run('memory://faults/b');
  assert.equal(corrupt.status, 'FAILED');
  assert.deepEqual(
    (corrupt.report as { failures: { item: string; code: string }[] }).failures.map((f) => [f.item, f.code]),
    [['d/3', 'CORRUPT']],
  );
  assert.deepEqual((await contents(store, 'b/'))['d/3'], undefined);
});

test('a branch that is deleted while it is exported was pinned before', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  lake.branch('short-lived');
  for (let i = 0; i < 30; i++) await lake.put('short-lived', `d/${i}`, `${i}`);
  await lake.commit('short-lived', 'A');
  const wait = async () => lake.repository.deleteBranch('short-lived');
  lake.server.faults.add({ path: /objects\?path/, wait, times: 1 });
  const job = await run({ source: 'lakefs://repo/short-lived', destination: to });
  assert.equal(job.status, 'SUCCESS');
  assert.equal(Object.keys(await contents((await app.open(to)).store, 'here/')).length, 30);
});

test('objects that came in parts through the S3 gateway have a checksum that is no MD5', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  // As lakeFS's S3 gateway keeps them: the MD5 of the parts' MD5s.
  const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest();
  const parts = [Buffer.alloc(5 * 1024 * 1024, 'abc'), Buffer.alloc(1_000_000, 'd')];
  const large = await lake.put('main', 'large.parquet', Buffer.concat(parts));
  large.checksum = md5(Buffer.concat(parts.map(md5))).toString('hex');
  const small = await lake.put('main', 'one part', 'written by the magic committer');
  small.checksum = md5(md5(Buffer.from('written by the magic committer'))).toString('hex');
  const wrong = await lake.put('main', 'wrong', 'x'.repeat(20));
  wrong.checksum = md5(Buffer.from('something else')).toString('hex');
  await lake.commit('main', 'A');
  const first = await run({ source, destination: to });
  assert.deepEqual(
    first.report.failures.map((f) => [f.item, f.code]),
    [['wrong', 'CORRUPT']],
  );
  const { store } = await app.open(to);
  assert.equal((await store.head('here/large.parquet')).size, 6_242_880);
  lake.delete('main', 'wrong');
  await lake.commit('main', 'B');
  const again = await run({ source, destination: to });
  assert.equal(again.status, 'SUCCESS', JSON.stringify(again.report));
  assert.deepEqual([again.report.objects.copied, again.report.objects.unchanged], [0, 2]);
});

test('a job that another run overtook does not claim that its own commit is there', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'x', 'A');
  await lake.commit('main', 'A');
  await lake.put('main', 'y', 'A');
  lake.server.faults.add({ path: /objects\?.*path=x/, status: 410, message: 'gone' });
  const failed = await run({ source, destination: to });
  assert.equal(failed.status, 'FAILED');

  lake.server.faults.clear();
  await lake.put('main', 'x', 'B');
  await lake.put('main', 'only in B', 'B');
  const { id: later } = await lake.commit('main', 'B');
  assert.equal((await run({ source, destination: to, since: 'last' })).status, 'SUCCESS');

  const engine = await app.engine();
  await engine.resume(failed.id);
  const resumed = await engine.wait(failed.id);
  assert.deepEqual([resumed.status, resumed.error!.code], ['FAILED', 'CONFLICT']);
  assert.match(resumed.error!.message, new RegExp(`brought commit ${later} there`));
  const { store } = await app.open(to);
  assert.deepEqual(await contents(store, 'here/'), { 'only in B': 'B', x: 'B', y: 'A' });
  const state = JSON.parse(
    (await readAll((await store.get('here/_sluice/default/state.json')).body)).toString(),
  );
  assert.deepEqual([state.commit, state.pending], [later, []]);
  assert.equal((await run({ source, destination: to, since: 'last' })).report.mode, 'nothing');
});

test("what lies in the lake under the name of Sluice's own folder does not replace the export's state", async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'x', '1');
  await lake.put(
    'main',
    '_sluice/default/state.json',
    '{"version": 1, "commit": "of another", "pending": []}',
  );
  await lake.put('main', '_sluice/default/lease.json', '{}');
  await lake.put('main', 'EXPORT_main_20200101T000000Z_SUCCESS', 'of an export that was imported');
  const { id: commit } = await lake.commit('main', 'an export, imported');
  const refused = await run({ source, destination: to });
  assert.equal(refused.status, 'FAILED');
  assert.deepEqual(refused.report.failures.map((f) => [f.item, f.code]).sort(), [
    ['_sluice/default/lease.json', 'CONFLICT'],
    ['_sluice/default/state.json', 'CONFLICT'],
  ]);
  const taken = await run({ source, destination: to, exclude: ['/_sluice'] });
  assert.deepEqual([taken.status, taken.report.notes], ['SUCCESS', []], JSON.stringify(taken.report));
  const { store } = await app.open(to);
  const state = JSON.parse(
    (await readAll((await store.get('here/_sluice/default/state.json')).body)).toString(),
  );
  assert.deepEqual([state.commit, state.pending], [commit, []]);
});
