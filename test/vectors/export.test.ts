import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { sampleObjects, sampleUuid } from '../../src/demo/vectors/sample.ts';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import { differences } from '../../src/vectors/compare.ts';
import { VectorExportKind } from '../../src/vectors/export/kind.ts';
import { exportStatus } from '../../src/vectors/export/status.ts';
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

const sample = [...sampleObjects()];
const expected = (className: string, tenant?: string) =>
  sample
    .filter((each) => each.class === className && (tenant === undefined || each.tenant === tenant))
    .map((each) => each.object)
    .sort((a, b) => (a.id < b.id ? -1 : 1));

async function assertRows(file: string, className: string, tenant?: string): Promise<void> {
  const rows = await jobs.rows(file);
  const objects = expected(className, tenant);
  assert.deepEqual(
    rows.map((row) => row.object.id),
    objects.map((object) => object.id),
  );
  rows.forEach((row, i) => {
    assert.deepEqual(differences(row.object, objects[i]!), [], `${className}/${row.object.id}`);
    assert.equal(row.tenant, tenant);
  });
}

async function ownServer(t: TestContext, options: object): Promise<SampleWeaviate> {
  const own = await startSampleWeaviate(options);
  t.after(() => own.stop());
  return own;
}

for (const layout of ['typed', 'weaviate']) {
  test(`every value of every type comes back from ${layout} files as the server has it`, async () => {
    const id = `all-${layout}`;
    const job = await jobs.export(server, id, {
      layout,
      exclude: ['Note'],
      rowGroupRows: 64,
      verify: 'full',
    });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    for (const name of ['Author', 'Article', 'Passage']) await assertRows(`${id}/${name}.parquet`, name);
    assert.equal(job.report.objects, 240);
    assert.equal(job.report.verification.compared, 240);
    assert.equal(job.report.classes.Article!.changed, 0);
  });
}

test('an empty class gives a typed file with its schema, and none in the layout of Weaviate', async () => {
  const out = join(jobs.folder, 'out');
  await jobs.export(server, 'empty-typed', { include: ['Draft'] });
  assert.deepEqual(await jobs.rows('empty-typed/Draft.parquet'), []);
  await jobs.export(server, 'empty-weaviate', { include: ['Draft'], layout: 'weaviate' });
  assert.equal(existsSync(join(out, 'empty-weaviate/Draft.parquet')), false);
  assert.equal(
    JSON.parse(readFileSync(join(out, 'empty-weaviate/export_metadata.json'), 'utf8')).schemas[0].class,
    'Draft',
  );
});

test('a class of many objects is cut into numbered files that together have each object once, in order', async () => {
  const job = await jobs.export(server, 'numbered', { include: ['Article'], fileRows: 60 });
  const files = readdirSync(join(jobs.folder, 'out/numbered/Article')).sort();
  assert.deepEqual(files, ['00000.parquet', '00001.parquet', '00002.parquet', '00003.parquet']);
  const ids: string[] = [];
  for (const file of files)
    for (const row of await jobs.rows(`numbered/Article/${file}`)) ids.push(row.object.id);
  assert.deepEqual(
    ids,
    expected('Article').map((object) => object.id),
  );
  assert.equal(job.report.classes.Article!.files, 4);
});

test('inactive tenants are skipped with the reason; active ones share a file that names them', async () => {
  const job = await jobs.export(server, 'tenants', { include: ['Note'] });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  const rows = await jobs.rows('tenants/Note.parquet');
  assert.deepEqual([...new Set(rows.map((row) => row.tenant))], ['amsterdam', 'berlin']);
  assert.equal(rows.length, 60);
  const [skipped] = job.report.classes.Note!.skipped;
  assert.equal(skipped!.tenant, 'cairo');
  assert.match(skipped!.reason, /inactive.*--activate-tenants/);
});

test('--activate-tenants reads inactive tenants and puts them back to sleep', async () => {
  const job = await jobs.export(server, 'activated', {
    include: ['Note'],
    activateTenants: true,
    partitionBy: 'tenant',
  });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  await assertRows('activated/Note/tenant=cairo/data.parquet', 'Note', 'cairo');
  const state = server.database.tenants('Note').find((tenant) => tenant.name === 'cairo')!;
  assert.equal(state.activityStatus, 'COLD');
});

test("in Weaviate's own layout each tenant has its file, named as there", async () => {
  await jobs.export(server, 'own-tenants', { include: ['Note'], layout: 'weaviate', tenants: ['a*'] });
  await assertRows('own-tenants/Note_amsterdam.parquet', 'Note', 'amsterdam');
  assert.equal(existsSync(join(jobs.folder, 'out/own-tenants/Note_berlin.parquet')), false);
});

test('properties and vectors can be left out', async () => {
  await jobs.export(server, 'some', { include: ['Article'], properties: ['t*', 'authors'], vectors: false });
  const [row] = await jobs.rows('some/Article.parquet');
  const { vector, properties, references } = row!.object;
  assert.equal(vector, undefined);
  assert.ok(Object.keys(properties).every((name) => name.startsWith('t')));
  assert.deepEqual(Object.keys(references!), ['authors']);
});

/** Has something happen when the server is asked for its newest objects: when all parts have been read. */
function whenAsked(own: SampleWeaviate, name: string, happen: (ask: number) => void): void {
  const shard = own.database.shard(name, undefined);
  const newest = shard.newest.bind(shard);
  let asks = 0;
  shard.newest = (limit) => {
    happen(++asks);
    return newest(limit);
  };
}

function retitle(own: SampleWeaviate, id: string, title: string): void {
  const object = own.database.shard('Article', undefined).get(id)!;
  own.database.put('Article', undefined, { ...object, properties: { ...object.properties, title } });
}

test('objects that change after they were read are read again, and those that change meanwhile, until none does', async (t) => {
  const own = await ownServer(t, { articles: 300 });
  const [first, second, untouched] = [7, 8, 9].map((i) => sampleUuid(`article ${i}`));
  const made = sampleUuid('made meanwhile');
  whenAsked(own, 'Article', (ask) => {
    // Each round asks for one, and then for all that there are.
    if (ask === 1) retitle(own, first!, 'changed');
    if (ask !== 3) return;
    retitle(own, second!, 'changed later');
    const object = own.database.shard('Article', undefined).get(untouched!)!;
    own.database.put('Article', undefined, { ...object, id: made });
  });
  const job = await jobs.export(own, 'changing', { include: ['Article'], rowGroupRows: 50, fileRows: 100 });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  const rows = (
    await Promise.all([0, 1, 2].map((i) => jobs.rows(`changing/Article/0000${i}.parquet`)))
  ).flat();
  const ids = rows.map((row) => row.object.id);
  assert.deepEqual(ids, [...ids].sort());
  assert.equal(ids.length, 301);
  const titleOf = (id: string) => rows.find(({ object }) => object.id === id)!.object.properties.title;
  assert.equal(titleOf(first!), 'changed');
  assert.equal(titleOf(second!), 'changed later');
  assert.equal(titleOf(made), titleOf(untouched!));
  assert.equal(job.report.classes.Article!.changed, 3);
  assert.equal(job.report.classes.Article!.objects, 301);
  assert.match(job.report.consistency, /in 3 rounds, until nothing had changed any more/);
  assert.equal(job.report.verification.counts.agreed, 1);
});

test('more changes than a server lists are found by comparing all times', async (t) => {
  const own = await ownServer(t, { articles: 1, maxResults: 100 });
  const small = (i: number) => ({
    ...own.database.shard('Author', undefined).get(sampleUuid('author 0'))!,
    id: sampleUuid(`many ${i}`),
    vector: undefined,
  });
  const count = 120;
  for (let i = 0; i < count; i++) own.database.put('Author', undefined, small(i), 1000);
  whenAsked(own, 'Author', (ask) => {
    if (ask > 1) return;
    for (let i = 0; i < count; i++)
      own.database.put('Author', undefined, { ...small(i), properties: { name: 'new' } });
  });
  const job = await jobs.export(own, 'many', { include: ['Author'] });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assert.equal(job.report.classes.Author!.changed, count);
  const renamed = (await jobs.rows('many/Author.parquet')).filter(
    (row) => row.object.properties.name === 'new',
  );
  assert.equal(renamed.length, count);
});

test('an export that never finds the class quiet ends, and says so', async (t) => {
  const own = await ownServer(t, { articles: 20 });
  whenAsked(own, 'Article', (ask) => retitle(own, sampleUuid('article 3'), `change ${ask}`));
  const job = await jobs.export(own, 'restless', { include: ['Article'] });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assert.match(job.report.consistency, /in 5 rounds, and objects still changed/);
});

async function waitFor<T>(what: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await what().catch(() => undefined);
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('objects too large for one message are read in smaller pages, one too large for any by REST', async (t) => {
  const own = await ownServer(t, { articles: 40, maxMessage: 40_000 });
  const shard = own.database.shard('Article', undefined);
  const large = shard.get(sampleUuid('article 3'))!;
  const title = 'x'.repeat(100_000);
  own.database.put('Article', undefined, { ...large, properties: { ...large.properties, title } }, 1);
  const job = await jobs.export(own, 'large', { include: ['Article'] });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  const rows = await jobs.rows('large/Article.parquet');
  assert.equal(rows.length, 40);
  assert.equal(rows.find((row) => row.object.id === large.id)!.object.properties.title, title);
});

test('a class that changes while it is exported is an honest failure', async (t) => {
  const own = await ownServer(t, { articles: 300 });
  const running = jobs.export(own, 'altered', { include: ['Article'] });
  await waitFor(async () => (await jobs.engine.get('altered')).pinned);
  own.database.addProperty('Article', { name: 'added', dataType: ['text'] });
  const job = await running;
  assert.equal(job.status, 'FAILED');
  assert.match(job.error!.message, /schema of the class Article was changed/);
});

test('what cannot be asked is refused before anything is written', async () => {
  const refusals: [Record<string, string[] | string>, RegExp][] = [
    [{ include: ['Nope'] }, /No class matches "Nope"/],
    [{ exclude: ['*'] }, /no class left/],
    [{ include: ['Article'], exclude: ['Note'] }, /cannot be used together/],
    [{ layout: 'csv' }, /"layout" must be one of typed, weaviate/],
  ];
  for (const [i, [more, message]] of refusals.entries()) {
    const refused = await jobs.export(server, `refused-${i}`, more).then(
      (job) => job.error!.message,
      (error: Error) => error.message,
    );
    assert.match(refused, message);
  }
  await assert.rejects(jobs.export(server, 'Bad.Id'), /must be 1 to 128 of a-z/);
});

test("a server that wants a key says so by its own answer, and the key's name is all that is written", async (t) => {
  const own = await ownServer(t, { articles: 20, apiKey: 'secret-key-123' });
  const denied = await jobs.export(own, 'denied');
  assert.equal(denied.error!.code, 'UNAUTHENTICATED');
  const withKey = await vectorJobs({
    connections: [
      { name: 'prod', type: 'weaviate', url: own.url, grpc: own.grpc, api_key: 'secret-key-123' },
    ],
  });
  const out = join(withKey.folder, 'out');
  const job = await withKey.run(
    'vector-export',
    { weaviate: 'prod', destination: out, id: 'keyed' },
    'keyed',
  );
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assert.ok(!JSON.stringify(job).includes('secret-key-123'));
  assert.ok(!readFileSync(join(out, 'keyed/export_metadata.json'), 'utf8').includes('secret-key-123'));
  await withKey.close();
});

test("a job's status is told by class and shard in Weaviate's words", async () => {
  const job = await jobs.export(server, 'told', {
    layout: 'weaviate',
    include: ['Note', 'Draft', 'Article'],
    fileRows: 90,
  });
  const { classes, shardStatus, progress } = await exportStatus(jobs.engine, job);
  assert.deepEqual(classes, ['Article', 'Draft', 'Note']);
  assert.deepEqual(shardStatus.Article, { ArticleShard: { status: 'SUCCESS', objectsExported: 200 } });
  assert.deepEqual(shardStatus.Draft!.DraftShard, {
    status: 'SKIPPED',
    objectsExported: 0,
    skipReason: 'it has no objects',
  });
  assert.deepEqual(shardStatus.Note!.berlin, { status: 'SUCCESS', objectsExported: 40 });
  assert.equal(shardStatus.Note!.cairo!.status, 'SKIPPED');
  assert.match(shardStatus.Note!.cairo!.skipReason!, /inactive/);
  assert.equal(progress.Article!.objectsExported, 200);
  assert.ok(progress.Article!.fileSizeBytes > 1000);
  assert.equal(progress.Note!.status, 'SUCCESS');
});

test('a glob that takes no tenant is refused: its export would be empty, and look whole', async () => {
  const job = await jobs.export(server, 'no-such-tenant', { include: ['Note'], tenants: ['a*', 'rome'] });
  assert.deepEqual([job.status, job.error?.code], ['FAILED', 'BAD_SPEC']);
  assert.match(job.error!.message, /No tenant matches "rome" \(there are: amsterdam/);
});

test('two jobs of one id do not write into one folder, whatever state each is kept in', async (t) => {
  const other = await vectorJobs();
  t.after(() => other.close());
  const place = { include: ['Article'], destination: join(jobs.folder, 'shared') };
  const kind = new VectorExportKind();
  const { signal } = new AbortController();
  const context = { ...jobs.environment, jobId: 'shared', attempt: 1, startedAt: 1, signal };
  const spec = kind.parse({ weaviate: server.url, grpc: server.grpc, id: 'shared', ...place });
  const pinned = await kind.prepare(spec, context);
  const hold = await kind.hold(pinned, context);
  const refused = await other.export(server, 'shared', place);
  assert.deepEqual([refused.status, refused.error?.code], ['FAILED', 'LEASED']);
  await hold.release();

  const later = await other.run('vector-export', { ...spec, fileRows: 60 }, 'later');
  assert.equal(later.status, 'SUCCESS', later.error?.message);
  await assert.rejects(kind.hold(pinned, context), { code: 'ALREADY_EXISTS' });
});
