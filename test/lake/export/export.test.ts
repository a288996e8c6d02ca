import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { refuseOverlap } from '../../../src/lake/export/pinned.ts';
import { contents, lakeBench, outcomes } from '../../support/lake-export.ts';

const to = 'memory://out/here';

test('everything at a ref arrives, byte for byte, and is reported object by object', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  const wanted: Record<string, string> = {};
  for (const name of ['a', 'a/b', 'dir/', 'odd %41/ü?#&+.txt', 'emoji 😀', '\uFF21', 'empty']) {
    wanted[name] = name === 'empty' ? '' : `content of ${name}`;
    await lake.put('main', name, wanted[name], { contentType: 'text/x-odd', metadata: { k: 'v' } });
  }
  for (let i = 0; i < 300; i++) {
    wanted[`data/${i}`] = `row ${i}`;
    await lake.put('main', `data/${i}`, `row ${i}`);
  }
  const { id: commit } = await lake.commit('main', 'first');
  await lake.put('main', 'staged only', 'not committed');

  const job = await run({ source: 'lakefs://repo/main', destination: to });
  assert.equal(job.status, 'SUCCESS');
  const { store } = await app.open(to);
  assert.deepEqual(await contents(store, 'here/'), wanted);
  const odd = await store.head('here/odd %41/ü?#&+.txt');
  assert.deepEqual([odd.contentType, odd.metadata?.k], ['text/x-odd', 'v']);

  const { report } = job;
  assert.equal(report.commit, commit);
  assert.deepEqual(
    [report.objects.copied, report.objects.failed, report.verification],
    [307, 0, { done: true, unverified: 0 }],
  );
  const lines = await outcomes(store, report);
  assert.equal(lines.size, 307);
  assert.equal(lines.get('a/b')!.outcome, 'copied');
  assert.match(
    report.marker!,
    new RegExp(`^here/EXPORT_main_${commit.slice(0, 16)}_\\d{8}T\\d{6}Z_SUCCESS$`),
  );
  assert.ok((await store.head(report.marker!)).size > 0);
});

test('a second run copies nothing; --since last moves only the difference, and nothing when there is none', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (let i = 0; i < 120; i++) await lake.put('main', `d/${String(i).padStart(3, '0')}`, `v1 ${i}`);
  await lake.commit('main', 'first');
  const spec = { source: 'lakefs://repo/main', destination: to };
  const first = await run({ ...spec, since: 'last' });
  assert.deepEqual([first.status, first.report.mode, first.report.objects.copied], ['SUCCESS', 'full', 120]);
  const again = await run(spec);
  assert.deepEqual([again.report.objects.copied, again.report.objects.unchanged], [0, 120]);

  await lake.put('main', 'd/007', 'changed');
  await lake.put('main', 'new', 'new');
  lake.delete('main', 'd/100');
  await lake.commit('main', 'second');
  const { store } = await app.open(to);
  await store.put('here/foreign', Buffer.from('not ours'));
  const delta = await run({ ...spec, since: 'last' });
  assert.deepEqual([delta.status, delta.report.mode], ['SUCCESS', 'incremental']);
  assert.deepEqual(delta.report.objects, {
    copied: 2,
    unchanged: 0,
    deleted: 1,
    kept: 0,
    skipped: 0,
    failed: 0,
  });
  const now = await contents(store, 'here/');
  assert.deepEqual(
    [now['d/007'], now.new, now['d/100'], now.foreign],
    ['changed', 'new', undefined, 'not ours'],
  );

  const nothing = await run({ ...spec, since: 'last' });
  assert.deepEqual([nothing.status, nothing.report.mode], ['SUCCESS', 'nothing']);
  await lake.put('main', 'another', 'x');
  await lake.commit('main', 'third');
  const byCommit = await run({ ...spec, since: delta.report.commit.slice(0, 12) });
  assert.deepEqual([byCommit.report.mode, byCommit.report.objects.copied], ['incremental', 1]);
});

test('a full export, too, deletes what an earlier one wrote, and only if it still is that', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (const name of ['stays', 'goes', 'touched']) await lake.put('main', name, name);
  await lake.commit('main', 'first');
  const spec = { source: 'lakefs://repo/main', destination: to };
  await run(spec);
  const { store } = await app.open(to);
  await store.put('here/touched', Buffer.from('edited at the destination'));
  for (const name of ['goes', 'touched']) lake.delete('main', name);
  await lake.commit('main', 'second');

  const job = await run({ ...spec, deletes: false });
  assert.equal(job.report.objects.deleted, 0);
  const later = await run(spec);
  assert.deepEqual([later.report.objects.deleted, later.report.objects.kept], [1, 1]);
  assert.deepEqual(await contents(store, 'here/'), { stays: 'stays', touched: 'edited at the destination' });
  assert.equal((await outcomes(store, later.report)).get('touched')!.code, 'DIFFERENT');
});

test('a --since that the destination does not hold is refused, with the way to go on', async (t) => {
  const { lake, run } = await lakeBench(t);
  await lake.put('main', 'x', '1');
  const { id: first } = await lake.commit('main', 'first');
  await lake.put('main', 'x', '2');
  await lake.commit('main', 'second');
  const spec = { source: 'lakefs://repo/main', destination: to };
  const early = await run({ ...spec, since: first });
  assert.deepEqual([early.status, early.error!.code], ['FAILED', 'BAD_SPEC']);
  assert.match(early.error!.message, /Run once without --since/);
  await run(spec);
  const wrong = await run({ ...spec, since: first });
  assert.match(wrong.error!.message, /holds commit .* Use --since last/s);
  await lake.addRepository('other');
  const stranger = await run({ source: 'lakefs://other/main', destination: to, since: 'last' });
  assert.equal(stranger.status, 'FAILED');
  assert.match(stranger.error!.message, /of another repository \(repo\)/);
  const filtered = await run({ ...spec, since: 'last', include: ['*.csv'] });
  assert.match(filtered.error!.message, /with another --prefix, --include or --exclude/);
});

test('filters, prefix and a folder of the source decide what is taken and where it goes', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  for (const name of [
    'tables/a/1.parquet',
    'tables/a/_temporary/2.parquet',
    'tables/b/3.csv',
    'tables2/4.parquet',
    'top.parquet',
  ])
    await lake.put('main', name, name);
  await lake.commit('main', 'first');
  const taken = async (name: string, more: object) => {
    const destination = `memory://${name}`;
    const job = await run({ source: 'lakefs://repo/main', destination, ...more });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    return Object.keys(await contents((await app.open(destination)).store, ''));
  };
  assert.deepEqual(await taken('f1', { include: ['*.parquet'], exclude: ['_temporary'] }), [
    'tables/a/1.parquet',
    'tables2/4.parquet',
    'top.parquet',
  ]);
  assert.deepEqual(await taken('f2', { prefix: 'tables' }), [
    'tables/a/1.parquet',
    'tables/a/_temporary/2.parquet',
    'tables/b/3.csv',
    'tables2/4.parquet',
  ]);
  assert.deepEqual(await taken('f3', { source: 'lakefs://repo/main/tables' }), [
    'a/1.parquet',
    'a/_temporary/2.parquet',
    'b/3.csv',
  ]);
});

test('--uncommitted takes what is staged, and says so', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'committed', '1');
  await lake.put('main', 'dropped', '1');
  await lake.commit('main', 'first');
  await lake.put('main', 'staged', '2');
  lake.delete('main', 'dropped');
  const job = await run({ source: 'lakefs://repo/main', destination: to, uncommitted: true });
  assert.deepEqual([job.status, job.report.uncommitted], ['SUCCESS', true]);
  assert.deepEqual(Object.keys(await contents((await app.open(to)).store, 'here/')), ['committed', 'staged']);
  const tag = await run({
    source: `lakefs://repo/${job.report.commit}`,
    destination: 'memory://t',
    uncommitted: true,
  });
  assert.match(tag.error!.message, /--uncommitted needs a branch/);
});

test('an object that the export did not write is overwritten, skipped or refused, as asked', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'theirs', 'lake 1');
  await lake.put('main', 'ours', 'lake 1');
  await lake.commit('main', 'first');
  for (const policy of ['overwrite', 'skip', 'fail']) {
    const destination = `memory://conflict-${policy}`;
    const { store } = await app.open(destination);
    await store.put('theirs', Buffer.from('foreign'));
    const job = await run({ source: 'lakefs://repo/main', destination, onConflict: policy });
    assert.equal(job.status, policy === 'fail' ? 'FAILED' : 'SUCCESS');
    assert.equal((await contents(store, '')).theirs, policy === 'overwrite' ? 'lake 1' : 'foreign');
    assert.equal((await contents(store, '')).ours, 'lake 1');
    if (policy === 'fail')
      assert.deepEqual(
        job.report.failures.map((f) => [f.item, f.code]),
        [['theirs', 'CONFLICT']],
      );
  }
  await lake.put('main', 'ours', 'lake 2');
  await lake.commit('main', 'second');
  // What an earlier export wrote is its own to change.
  const later = await run({
    source: 'lakefs://repo/main',
    destination: 'memory://conflict-skip',
    onConflict: 'skip',
  });
  assert.deepEqual([later.report.objects.copied, later.report.objects.skipped], [1, 1]);
});

test('markers are spelled as asked; two exports share a destination under two names', async (t) => {
  const { lake, app, run } = await lakeBench(t);
  await lake.put('main', 'x', '1');
  await lake.commit('main', 'first');
  const source = 'lakefs://repo/main';
  const lakefs = await run({ source, destination: to, marker: 'lakefs' });
  assert.match(lakefs.report.marker!, /^here\/EXPORT_main_\d\d-\d\d-\d{4}_\d\d:\d\d:\d\d_SUCCESS$/);
  const none = await run({ source, destination: to, marker: 'none', name: 'other' });
  assert.equal(none.report.marker, undefined);
  const { store } = await app.open(to);
  for (const name of ['default', 'other']) await store.head(`here/_sluice/${name}/state.json`);
});

test('a destination inside the repository’s own storage is refused', async (t) => {
  const { lake, run } = await lakeBench(t, { root: 'memory://blocks' });
  await lake.put('main', 'x', '1');
  await lake.commit('main', 'first');
  const job = await run({ source: 'lakefs://repo/main', destination: 'memory://blocks/repo/exports' });
  assert.match(job.error!.message, /lies in the storage of the repository repo itself/);
});

test('the storage of a repository is known by every name of it', () => {
  const https = 'https://acct.blob.core.windows.net/lake';
  for (const [destination, namespace] of [
    ['s3a://b/lake/x', 's3://b/lake'],
    ['s3://b', 's3://b/lake/'],
    ['gcs://b/lake', 'gs://b/lake'],
    ['abfss://lake@acct.dfs.core.windows.net/repo/x', `${https}/repo`],
    ['wasbs://lake@acct.blob.core.windows.net/', `${https}/repo`],
    [`${https}/repo`, `${https}/repo/`],
  ] as const)
    assert.throws(() => refuseOverlap(destination, namespace, 'repo'), { code: 'BAD_SPEC' }, destination);
  for (const [destination, namespace] of [
    ['s3://b/lake2', 's3://b/lake'],
    ['gs://b/lake', 's3://b/lake'],
    ['abfss://lake@other.dfs.core.windows.net/repo', `${https}/repo`],
    ['abfss://out@acct.dfs.core.windows.net/repo', `${https}/repo`],
    ['/mnt/lake', 'local://lake'],
  ] as const)
    refuseOverlap(destination, namespace, 'repo');
});

test('a destination that is a file is refused, and stays what it was', async (t) => {
  const { lake, folder, run } = await lakeBench(t);
  await lake.put('main', 'x', '1');
  await lake.commit('main', 'first');
  const destination = join(folder, 'notes.txt');
  writeFileSync(destination, 'mine');
  const job = await run({ source: 'lakefs://repo/main', destination });
  assert.deepEqual([job.status, job.error!.code], ['FAILED', 'BAD_SPEC']);
  assert.match(job.error!.message, /notes\.txt is a file/);
  assert.equal(readFileSync(destination, 'utf8'), 'mine');
});

test('a folder of the lake without any object is noted: its name may be misspelled', async (t) => {
  const { lake, run } = await lakeBench(t);
  await lake.put('main', 'tables/x', '1');
  await lake.commit('main', 'first');
  const job = await run({ source: 'lakefs://repo/main/tabels/', destination: to });
  assert.equal(job.status, 'SUCCESS');
  assert.match(job.report.notes.join(), /no object under lakefs:\/\/repo\/main\/tabels\//);
});
