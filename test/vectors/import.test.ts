import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { sampleUuid } from '../../src/demo/vectors/sample.ts';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import { differences } from '../../src/vectors/compare.ts';
import { type VectorJobs, vectorJobs } from '../support/vector-jobs.ts';

let source: SampleWeaviate;
let jobs: VectorJobs;
before(async () => {
  source = await startSampleWeaviate();
  jobs = await vectorJobs();
  for (const layout of ['typed', 'weaviate']) {
    const job = await jobs.export(source, layout, { layout, activateTenants: true, rowGroupRows: 50 });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
  }
});
after(async () => {
  source.stop();
  await jobs.close();
});

async function emptyTarget(t: TestContext): Promise<SampleWeaviate> {
  const target = await startSampleWeaviate({ articles: 0 });
  t.after(() => target.stop());
  return target;
}

/** Every object of the source is in the target, and no other. */
function assertSame(target: SampleWeaviate, rename: Record<string, string> = {}): void {
  for (const { class: name } of source.database.schemas()) {
    const tenants = name === 'Note' ? ['amsterdam', 'berlin', 'delhi-empty'] : [undefined];
    for (const tenant of tenants) {
      const there = target.database.shard(rename[name] ?? name, tenant).after(undefined, 1e6);
      const here = source.database.shard(name, tenant).after(undefined, 1e6);
      assert.equal(there.length, here.length, name);
      here.forEach((object, i) => {
        const references = Object.fromEntries(
          Object.entries(object.references ?? {}).map(([property, list]) => [
            property,
            list.map(({ id, className }) => ({ id, className: rename[className!] ?? className! })),
          ]),
        );
        assert.deepEqual(differences({ ...object, references }, there[i]!), [], `${name}/${object.id}`);
      });
    }
  }
}

for (const layout of ['typed', 'weaviate']) {
  test(`a round trip by ${layout} files gives the same classes and objects`, async (t) => {
    const target = await emptyTarget(t);
    const job = await jobs.import(target, `into-${layout}`, layout);
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    assertSame(target);
    assert.deepEqual(
      target.database
        .schemas()
        .map((schema) => schema.class)
        .sort(),
      ['Article', 'Author', 'Draft', 'Note', 'Passage'],
    );
    assert.equal(job.report.objects, 360);
  });
}

test('a class can take another name, and references follow it', async (t) => {
  const target = await emptyTarget(t);
  const rename = { Author: 'Writer' };
  const job = await jobs.import(target, 'renamed', 'typed', { rename });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  assertSame(target, rename);
});

test('objects that are there already are left, replaced or refused, as asked', async (t) => {
  const target = await emptyTarget(t);
  const spec = { include: ['Author'] };
  await jobs.import(target, 'first', 'typed', spec);
  const id = sampleUuid('author 1');
  const object = target.database.shard('Author', undefined).get(id)!;
  const change = () =>
    target.database.put('Author', undefined, {
      ...object,
      properties: { ...object.properties, name: 'mine' },
    });
  const name = () => target.database.shard('Author', undefined).get(id)!.properties.name;
  change();

  const skipped = await jobs.import(target, 'skip', 'typed', { ...spec, onConflict: 'skip' });
  assert.equal(skipped.report.skipped, 10);
  assert.equal(name(), 'mine');

  const failed = await jobs.import(target, 'fail', 'typed', { ...spec, onConflict: 'fail' });
  assert.equal(failed.status, 'FAILED');
  assert.equal(failed.report.failed, 1);
  assert.match(failed.report.failures[0]!.item, new RegExp(id));
  assert.equal(name(), 'mine');

  const overwritten = await jobs.import(target, 'overwrite', 'typed', { ...spec, onConflict: 'overwrite' });
  assert.equal(overwritten.status, 'SUCCESS', overwritten.error?.message);
  assert.equal(name(), object.properties.name);
});

test('what the server refuses goes to a file with its reason, and the rest is imported', async (t) => {
  const target = await emptyTarget(t);
  target.database.createClass({ class: 'Author', properties: [] });
  target.database.put('Author', undefined, {
    id: sampleUuid('stranger'),
    created: 0,
    updated: 0,
    vector: new Uint8Array(12),
    properties: {},
  });
  const job = await jobs.import(target, 'refused', 'typed', { include: ['Author'] });
  assert.equal(job.status, 'FAILED');
  assert.equal(job.report.failed, 10);
  const folder = join(jobs.folder, 'imports/refused/rejected');
  const lines = readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 10);
  assert.match(lines[0].error, /wrong dimensions/);
  assert.equal(lines[0].class, 'Author');
  assert.equal(lines[0].vector.length, 8);
});

test('a reference whose target is missing is refused by name, and takes no other with it', async (t) => {
  const target = await emptyTarget(t);
  await jobs.import(target, 'authors', 'typed', { include: ['Author'] });
  target.database.shard('Author', undefined).delete(sampleUuid('author 2'));
  const job = await jobs.import(target, 'articles', 'typed', { include: ['Article'] });
  assert.equal(job.status, 'FAILED');
  assert.match(job.report.failures[0]!.message, /no object with id/);
  // Article 1 is by author 1, about author 2 and article 0.
  const article = target.database.shard('Article', undefined).get(sampleUuid('article 1'))!;
  assert.deepEqual(article.references!.about, [{ id: sampleUuid('article 0'), className: 'Article' }]);
  assert.deepEqual(article.references!.authors, [{ id: sampleUuid('author 1'), className: 'Author' }]);
});

test('a class that is there and is another is refused before anything is written', async (t) => {
  const target = await emptyTarget(t);
  target.database.createClass({ class: 'Article', properties: [{ name: 'title', dataType: ['int'] }] });
  const job = await jobs.import(target, 'clash', 'typed');
  assert.equal(job.error!.code, 'CONFLICT');
  assert.match(job.error!.message, /Article.title is int there and text in the files/);
  assert.deepEqual(
    target.database.schemas().map((schema) => schema.class),
    ['Article'],
  );
});

test('of an export exactly the files are read that it consists of', async (t) => {
  const target = await emptyTarget(t);
  const job = await jobs.export(source, 'whole', { exclude: ['Note'], fileRows: 60 });
  assert.equal(job.status, 'SUCCESS', job.error?.message);
  const folder = join(jobs.folder, 'out/whole/Article');
  // As a run with smaller files, which did not end, leaves one behind.
  copyFileSync(join(folder, '00001.parquet'), join(folder, '00099.parquet'));
  const taken = await jobs.import(target, 'whole-1', 'whole');
  assert.equal(taken.status, 'SUCCESS', taken.error?.message);
  assert.equal(taken.report.classes.Article!.rows, job.report.classes.Article!.objects);
  rmSync(join(folder, '00001.parquet'));
  const lacking = await jobs.import(target, 'whole-2', 'whole');
  assert.deepEqual([lacking.status, lacking.error?.code], ['FAILED', 'NOT_FOUND']);
  assert.match(lacking.error!.message, /00001\.parquet/);
});
