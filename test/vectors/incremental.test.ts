import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { sampleUuid } from '../../src/demo/vectors/sample.ts';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import { fileProvider } from '../../src/stores/file/provider.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { compactExports } from '../../src/vectors/compact.ts';
import { differences } from '../../src/vectors/compare.ts';
import { type VectorJobs, vectorJobs } from '../support/vector-jobs.ts';

let server: SampleWeaviate;
let jobs: VectorJobs;
before(async () => {
  server = await startSampleWeaviate();
  jobs = await vectorJobs();
});
after(async () => {
  server.stop();
  await jobs.close();
});

const out = (id: string) => join(jobs.folder, 'out', id);

function change(name: string, id: string, tenant?: string): void {
  const object = server.database.shard(name, tenant).get(id)!;
  const text = name === 'Article' ? { title: `changed ${id}` } : { text: `changed ${id}` };
  server.database.put(
    name,
    tenant,
    { ...object, properties: { ...object.properties, ...text } },
    Date.now() - 5000,
  );
}

test('an increment holds what is new, changed and deleted, and a chain folds into what a full export gives', async () => {
  const spec = { include: ['Article', 'Note'], rowGroupRows: 16 };
  const full = await jobs.export(server, 'full', spec);
  assert.equal(full.status, 'SUCCESS', full.error?.message);

  for (const i of [3, 4, 5]) change('Article', sampleUuid(`article ${i}`));
  change('Note', sampleUuid('note berlin 2'), 'berlin');
  server.database.shard('Article', undefined).delete(sampleUuid('article 10'));
  const second = await jobs.export(server, 'second', { ...spec, since: out('full') });
  assert.equal(second.status, 'SUCCESS', second.error?.message);
  const ids = (await jobs.rows('second/Article.parquet')).map((row) => row.object.id);
  assert.deepEqual(ids, [3, 4, 5].map((i) => sampleUuid(`article ${i}`)).sort());
  assert.equal((await jobs.rows('second/Note.parquet')).length, 1);
  assert.equal(second.report.classes.Article!.deleted, 1);

  change('Article', sampleUuid('article 4'));
  server.database.shard('Article', undefined).delete(sampleUuid('article 5'));
  const added = server.database.shard('Article', undefined).get(sampleUuid('article 20'))!;
  server.database.put('Article', undefined, { ...added, id: sampleUuid('added') }, Date.now() - 5000);
  const third = await jobs.export(server, 'third', { ...spec, since: out('second') });
  assert.equal(third.status, 'SUCCESS', third.error?.message);
  assert.equal(third.report.classes.Article!.objects, 2);
  assert.equal(third.report.classes.Article!.deleted, 1);

  const open = storeOpener([fileProvider], connectionsOf());
  const result = await compactExports(open, { source: out('third'), destination: out(''), id: 'folded' });
  assert.equal(result.folded, 3);
  await jobs.export(server, 'again', spec);
  for (const file of ['Article.parquet', 'Note.parquet']) {
    const folded = await jobs.rows(`folded/${file}`);
    const whole = await jobs.rows(`again/${file}`);
    assert.deepEqual(
      folded.map((row) => [row.tenant, row.object.id]),
      whole.map((row) => [row.tenant, row.object.id]),
    );
    folded.forEach(({ object }, i) => {
      assert.deepEqual(differences(object, whole[i]!.object), []);
      assert.equal(object.updated, whole[i]!.object.updated);
    });
  }
  // What was folded is an export like any other: increments can follow it.
  const next = await jobs.export(server, 'next', { ...spec, since: out('folded') });
  assert.equal(next.report.objects, 0);
});

test('all objects of a tenant that was deleted are among the deleted ids, and every object can be compared', async () => {
  const spec = { include: ['Note', 'Article'], tenants: ['b*', 'extra'], layout: 'weaviate', verify: 'full' };
  server.database.putTenants('Note', [{ name: 'extra' }]);
  const note = server.database.shard('Note', 'berlin').get(sampleUuid('note berlin 2'))!;
  for (const name of ['one', 'two'])
    server.database.put('Note', 'extra', { ...note, id: sampleUuid(name) }, 1000);
  await jobs.export(server, 'with-extra', spec);
  server.database.deleteTenants('Note', ['extra']);
  change('Article', sampleUuid('article 6'));
  const since = out('with-extra');
  const job = await jobs.export(server, 'without-extra', { ...spec, since });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assert.deepEqual(job.report.classes.Note!.deletedTenants, ['extra']);
  const file = '_deleted/Note/tenants-00000.parquet';
  const ids = (await readDeleted(join(out('without-extra'), file))).map(
    ({ id, tenant }) => `${tenant} ${id}`,
  );
  assert.deepEqual(ids, ['one', 'two'].map((name) => `extra ${sampleUuid(name)}`).sort());
  // The increment has one row, and what it stands for with the export before it is compared whole.
  assert.equal(job.report.objects, 1);
  const all = server.database.shard('Article', undefined).size + server.database.shard('Note', 'berlin').size;
  assert.equal(job.report.verification.compared, all);
  const next = await jobs.export(server, 'after-extra', { ...spec, since: out('without-extra') });
  assert.equal(next.report.classes.Note!.deleted, 0);
});

test('an increment is verified by its count: earlier ones and added ones without deleted ones', async () => {
  await jobs.export(server, 'counted', { include: ['Article'] });
  const shard = server.database.shard('Article', undefined);
  shard.delete(sampleUuid('article 30'));
  for (const name of ['new a', 'new b']) {
    server.database.put(
      'Article',
      undefined,
      { ...shard.get(sampleUuid('article 31'))!, id: sampleUuid(name) },
      2000,
    );
  }
  const job = await jobs.export(server, 'recounted', { include: ['Article'], since: out('counted') });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assert.deepEqual(job.report.verification.counts, { agreed: 1, ids: 0, full: 0, unseen: 0 });
});

async function readDeleted(path: string): Promise<{ id: string; tenant?: string }[]> {
  const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = await asyncBufferFromFile(path);
  return (await parquetReadObjects({ file, compressors })) as { id: string; tenant?: string }[];
}

test('an increment of nothing that is there is refused by name', async () => {
  const job = await jobs.export(server, 'orphan', { since: out('never') });
  assert.equal(job.error!.code, 'NOT_FOUND');
  assert.match(job.error!.message, /no complete export in .*never/);
});

test('an increment must take the same of each object as the export before it', async () => {
  const narrow = { include: ['Article'], vectors: false, properties: ['title'] };
  await jobs.export(server, 'narrow', narrow);
  const wide = await jobs.export(server, 'wide', { include: ['Article'], since: out('narrow') });
  assert.deepEqual([wide.status, wide.error?.code], ['FAILED', 'BAD_SPEC']);
  assert.match(
    wide.error!.message,
    /"narrow" has the properties title without vectors, and all properties with vectors/,
  );
  const same = await jobs.export(server, 'same', { ...narrow, since: out('narrow') });
  assert.equal(same.status, 'SUCCESS', same.error?.message);
});

test('an import of an increment alone says that it is no whole export', async () => {
  await jobs.export(server, 'base', { include: ['Article'] });
  change('Article', sampleUuid('article 3'));
  await jobs.export(server, 'changes', { include: ['Article'], since: out('base') });
  const imported = await jobs.import(server, 'increment', 'changes', { onConflict: 'overwrite' });
  assert.equal(imported.status, 'SUCCESS', imported.error?.message);
  assert.match(imported.report.note!, /is an increment: only what changed since .*base is in it/);
});

test('a property called "tenant" is no tenant: such a class is verified, folded and imported whole', async (t) => {
  const own = await startSampleWeaviate({ articles: 0 });
  t.after(() => own.stop());
  own.database.createClass({
    class: 'Bill',
    properties: [
      { name: 'tenant', dataType: ['text'] },
      { name: 'of', dataType: ['object'], nestedProperties: [{ name: 'tenant', dataType: ['text'] }] },
    ],
  });
  const bill = (i: number, tenant: string) => {
    const properties = { tenant, of: { tenant: 'nested' } };
    const object = { id: sampleUuid(`bill ${i}`), created: 1, updated: 1, properties };
    own.database.put('Bill', undefined, object, Date.now() - 5000);
  };
  for (let i = 0; i < 20; i++) bill(i, `t${i % 3}`);
  const full = await jobs.export(own, 'bills', { verify: 'full' });
  assert.equal(full.status, 'SUCCESS', full.error?.message);
  bill(7, 'moved');
  const second = await jobs.export(own, 'bills-2', { verify: 'full', since: out('bills') });
  assert.equal(second.status, 'SUCCESS', second.error?.message);
  assert.equal(second.report.objects, 1);

  const open = storeOpener([fileProvider], connectionsOf());
  await compactExports(open, { source: out('bills-2'), destination: out(''), id: 'bills-whole' });
  const rows = await jobs.rows('bills-whole/Bill.parquet');
  assert.equal(rows.length, 20);
  const moved = rows.find(({ object }) => object.id === sampleUuid('bill 7'))!;
  assert.deepEqual([moved.tenant, moved.object.properties.tenant], [undefined, 'moved']);
  const imported = await jobs.import(own, 'bills-again', 'bills-whole', { rename: { Bill: 'Copy' } });
  assert.equal(imported.status, 'SUCCESS', imported.error?.message);
  assert.equal(own.database.shard('Copy', undefined).size, 20);
});
