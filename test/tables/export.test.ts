import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Json } from '../../src/base/json.ts';
import { contextOf } from '../../src/commands/export.ts';
import type { Part } from '../../src/jobs/part.ts';
import { TableExportKind } from '../../src/tables/export/kind.ts';
import { Workspace } from '../support/databricks/workspace.ts';
import { deltaRows, expectedRows } from '../support/delta/rows.ts';
import { TableApp, tablesOf } from '../support/delta/table-app.ts';

const descriptor = (name: string, path: string) =>
  `name: ${name}\ntype: delta\ncatalog: main\npath: ${path}\n`;

describe('a table export', () => {
  let user: TableApp;
  let workspace: Workspace;
  before(async () => {
    workspace = await new Workspace().start();
    user = await new TableApp().start([
      { name: 'uc', type: 'unity', url: workspace.url, token: workspace.token },
    ]);
  });
  after(async () => {
    await user.close();
    await workspace.close();
  });
  const rows = async (table: string) => {
    const { store, path } = await user.app.open(`${user.target}/main/${table}`);
    return await deltaRows(store, path === '' ? '' : `${path}/`, (uri) => user.lake.bytes(uri));
  };

  it('exports all four tables first, and then only what changed', async () => {
    const first = await user.export(user.lake.c1, { catalog: { connection: 'uc', name: 'main' } });
    assert.equal(first.status, 'SUCCESS', JSON.stringify(first.error ?? first.report));
    assert.deepEqual(Object.keys(tablesOf(first)).sort(), ['orders', 'plain', 'users', 'v2']);
    for (const table of ['orders', 'users', 'v2', 'plain']) {
      assert.deepEqual(await rows(table), expectedRows(table, 'c1'));
      assert.equal(
        workspace.tables.get(`main.main.${table}`)?.storage_location,
        `${user.target}/main/${table}`,
      );
    }
    const second = await user.export(user.lake.c2, { catalog: { connection: 'uc', name: 'main' } });
    const tables = tablesOf(second);
    assert.equal(tables.orders!.status, 'SUCCESS');
    assert.match(String(tables.orders!.reason), /changed since/);
    assert.deepEqual(
      [tables.users!.status, tables.v2!.status, tables.plain!.status],
      Array(3).fill('SKIPPED'),
    );
    assert.deepEqual(await rows('orders'), expectedRows('orders', 'c2'));
    assert.deepEqual(workspace.gaps, []);
  });

  it('a bad descriptor fails its own table and no other; neighbours by prefix do not count as changed', async () => {
    const next = user.lake.commit(user.lake.c2, {
      '_lakefs_tables/broken.yaml': 'name: [',
      '_lakefs_tables/.hidden.yaml': 'name: [',
      'tables/plain2/part.parquet': 'x',
    });
    const job = await user.export(next);
    assert.equal(job.status, 'FAILED');
    const tables = tablesOf(job);
    assert.match(
      (tables.broken!.error as { message: string }).message,
      /_lakefs_tables\/broken.yaml.*not YAML/,
    );
    assert.equal(tables.plain!.status, 'SKIPPED');
    const mended = user.lake.commit(next, { '_lakefs_tables/broken.yaml': null });
    const again = await user.export(mended);
    assert.equal(again.status, 'SUCCESS');
    assert.equal(tablesOf(again).broken!.status, 'SUCCESS');
    assert.equal(tablesOf(await user.export(mended)).broken, undefined, 'it is forgotten');
  });

  it('a listed table without descriptor fails, with or without .yaml', async () => {
    const job = await user.export(user.lake.c2, { table_defs: ['plain.yaml', 'users', 'nowhere'] });
    const tables = tablesOf(job);
    assert.deepEqual(Object.keys(tables).sort(), ['nowhere', 'plain', 'users']);
    assert.match(
      (tables.nowhere!.error as { message: string }).message,
      /no table descriptor _lakefs_tables\/nowhere.yaml/,
    );
  });

  it('a table that is asked for by name and is not there fails; so does a commit of no branch', async () => {
    const job = await user.export(user.lake.c2, { tables: ['plain', 'plane'] });
    assert.equal(job.status, 'FAILED');
    const { message } = tablesOf(job).plane!.error as { message: string };
    assert.match(message, /no table "plane" at commit .*there are orders, plain, users, v2\./);
    const whole = await user.export(user.lake.c2);
    assert.deepEqual([whole.status, tablesOf(whole).plane], ['SUCCESS', undefined]);
    const ofCommit = await user.export(user.lake.c2, { source: `lakefs://lake/${user.lake.c2}` });
    assert.equal(ofCommit.error?.code, 'BAD_SPEC');
    assert.match(ofCommit.error!.message, /--branch main/);
    const named = { source: `lakefs://lake/${user.lake.c2}`, branch: 'main', tables: ['users'] };
    assert.equal((await user.export(user.lake.c2, named)).status, 'SUCCESS');
  });

  it('warns when the catalog has no credentials for the place that a shallow clone leaves its files in', async () => {
    const exported = async (method: string, locations: string[] | undefined) => {
      workspace.externalLocations = locations;
      const job = await user.export(user.lake.c2, {
        method,
        tables: ['users'],
        all: true,
        target_base_location: `${user.target}/warned`,
        addresses: { 'local://lake/': 's3a://lakefs-data/repo/' },
        catalog: { connection: 'uc', name: 'warned' },
      });
      assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
      return (tablesOf(job).users!.warnings ?? []) as string[];
    };
    const near = ['s3://a/', 's3://b/', 's3://lakefs-data/rep'];
    const [warning] = await exported('native', near);
    assert.match(warning!, /no external location that covers s3a:\/\/lakefs-data\/repo\/.*READ FILES/);
    assert.deepEqual(await exported('native', [...near, 's3://lakefs-data']), []);
    assert.deepEqual(await exported('native', undefined), []);
    workspace.externalLocations = undefined;
  });

  it('a hive table becomes a Delta table over the same files', async () => {
    const file = user.lake.files(user.lake.c2).find(({ path }) => /plain\/part-00000/.test(path))!;
    const fields = ['id', 'd', 'day'].map((name) => ({
      name,
      type: name === 'day' ? 'string' : 'long',
      nullable: true,
      metadata: {},
    }));
    const hive = {
      name: 'h-1',
      type: 'hive',
      path: 'h',
      partition_columns: ['day'],
      schema: { type: 'struct', fields },
    };
    const commit = user.lake.commit(user.lake.c2, {
      '_lakefs_tables/h.yaml': JSON.stringify(hive),
      'h/day=a%2Fb/x.parquet': user.lake.bytes(file.address),
      'h/day=__HIVE_DEFAULT_PARTITION__/y.parquet': user.lake.bytes(file.address),
      'h/_SUCCESS': '',
    });
    const catalog = { connection: 'uc', name: 'main' };
    const job = await user.export(commit, { table_defs: ['h'], catalog, method: 'copy' });
    assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
    const read = (await rows('h-1')).map((line) => JSON.parse(line) as { day?: string });
    assert.equal(read.length, 50);
    assert.equal(read.filter(({ day }) => day === 'a/b').length, 25);
    assert.equal(workspace.tables.get('main.main.h_1')?.columns?.length, 3);
    const wrong = user.lake.commit(commit, { 'h/other/z.parquet': 'x' });
    const failed = await user.export(wrong, { table_defs: ['h'], catalog, method: 'copy' });
    assert.match(
      (tablesOf(failed)['h-1']!.error as { message: string }).message,
      /h?other\/z.parquet does not lie in folders day=/,
    );
  });

  it('a moved table is exported from its new place; a deleted one is kept or dropped as asked', async () => {
    const files = user.lake.files(user.lake.c2).filter(({ path }) => path.startsWith('tables/plain/'));
    const moved = user.lake.commit(user.lake.c2, {
      '_lakefs_tables/plain.yaml': descriptor('plain', 'elsewhere/plain'),
      ...Object.fromEntries(
        files.flatMap(({ path, address }) => [
          [path, null],
          [path.replace('tables/', 'elsewhere/'), user.lake.bytes(address)],
        ]),
      ),
    });
    const catalog = { connection: 'uc', name: 'main' };
    const job = await user.export(moved, { catalog });
    assert.match(String(tablesOf(job).plain!.reason), /moved from tables\/plain\/ to elsewhere\/plain\//);
    assert.deepEqual(await rows('plain'), expectedRows('plain', 'c1'));

    const deleted = user.lake.commit(moved, { '_lakefs_tables/plain.yaml': null });
    const kept = await user.export(deleted, { catalog });
    assert.match(String(tablesOf(kept).plain!.reason), /kept/);
    assert.ok(workspace.tables.has('main.main.plain'));
    const dropped = await user.export(deleted, { catalog, on_delete: 'drop' });
    assert.equal(tablesOf(dropped).plain!.status, 'SUCCESS');
    assert.ok(!workspace.tables.has('main.main.plain'));
    const back = await user.export(moved, { catalog });
    assert.equal(tablesOf(back).plain!.status, 'SUCCESS');
    assert.ok(workspace.tables.has('main.main.plain'));
  });

  it('a wrong folder of descriptors drops no table', async () => {
    const catalog = { connection: 'uc', name: 'main' };
    await user.export(user.lake.c2, { catalog });
    const asked: { [key: string]: Json }[] = [{}, { table_defs: ['users'] }];
    for (const more of asked) {
      const job = await user.export(user.lake.c2, {
        ...{ catalog, on_delete: 'drop', table_descriptors_path: '_lakefs_tabels' },
        ...more,
      });
      assert.deepEqual([job.status, job.error?.code], ['FAILED', 'BAD_SPEC']);
      assert.match(job.error!.message, /No table is described in _lakefs_tabels\/ .*table_descriptors_path/);
    }
    assert.ok(workspace.tables.has('main.main.users'));
  });

  it('a job that another one overtook does not take a table back to its own commit', async () => {
    const target = `${user.target}/overtaken`;
    const spec = { source: 'lakefs://lake/main', target_base_location: target, tables: ['orders'] };
    user.server.branches.set('main', user.lake.c1);
    const kind = new TableExportKind();
    const context = contextOf(user.app, new AbortController().signal);
    const pinned = await kind.prepare(kind.parse(spec), context);
    const parts: Part[] = [];
    for await (const batch of kind.plan(pinned, context)) parts.push(...batch);

    const job = await user.export(user.lake.c2, spec);
    assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
    await assert.rejects(kind.run(parts[0]!, pinned, { ...context, partAttempt: 1, progress() {} }), {
      code: 'CONFLICT',
      message: new RegExp(`another one brought it to commit ${user.lake.c2}`),
    });
    const again = await user.export(user.lake.c2, spec);
    assert.match(String(tablesOf(again).orders!.reason), /exported at this commit/);
  });
});
