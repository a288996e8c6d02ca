import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { differences } from '../../src/vectors/compare.ts';
import type { VectorObject } from '../../src/vectors/object.ts';
import { readObjects } from '../../src/vectors/read.ts';
import type { WeaviateClient } from '../../src/vectors/weaviate/client.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { until } from '../support/until.ts';
import { type VectorJobs, vectorJobs } from '../support/vector-jobs.ts';
import { startWeaviate, type WeaviateServer } from './harness.ts';
import { installed } from './install.ts';
import { clientOf, fillMany, fillSample, manyObject, put } from './vectors/fill.ts';
import { startTcpProxy, type TcpProxy } from './vectors/tcp-proxy.ts';

const execute = promisify(execFile);
const MAIN = join(import.meta.dirname, '../../src/main.ts');
/** Bytes of gRPC after which more than half of the class `Many` has passed. */
const MOST_OF_MANY = 2_800_000;
const READ_TYPED = join(import.meta.dirname, 'vectors/read_typed.py');

describe("Weaviate's own export", () => {
  test('is driven, taken over in either layout, and its files import into a server that has no schema', async (t) => {
    const backups = mkdtempSync(join(tmpdir(), 'sluice-backups-'));
    const server = await startWeaviate({
      EXPORT_ENABLED: 'true',
      EXPORT_DEFAULT_PATH: '',
      ENABLE_MODULES: 'backup-filesystem',
      BACKUP_FILESYSTEM_PATH: backups,
    });
    const client = clientOf(server);
    const jobs = await vectorJobs();
    t.after(async () => {
      await client.close();
      await jobs.close();
      await server.stop();
      rmSync(backups, { recursive: true, force: true });
    });
    await fillSample(client, 30);
    for (const layout of ['typed', 'weaviate']) {
      const native = { backend: 'filesystem', output: backups };
      const spec = { layout, source: 'native', native };
      const job = await jobs.export(server, `native-${layout}`, spec);
      assert.equal(job.status, 'SUCCESS', job.error?.message);
      await sleep(1100);
      const read = await jobs.export(server, `read-${layout}`, { layout, activateTenants: true });
      assert.equal(read.status, 'SUCCESS', read.error?.message);
      for (const name of ['Author', 'Article', 'Passage']) {
        const theirs = await jobs.rows(`native-${layout}/${name}.parquet`);
        const ours = await jobs.rows(`read-${layout}/${name}.parquet`);
        assert.equal(theirs.length, ours.length);
        theirs.forEach(({ object }, i) => {
          assert.deepEqual(differences(object, ours[i]!.object), [], `${name}/${object.id}`);
          assert.equal(object.updated, ours[i]!.object.updated);
        });
      }
      assert.equal(job.report.classes.Note!.objects, 120);
    }
    const native = { backend: 'filesystem', output: backups };
    const some = { source: 'native', native, tenants: ['b*'], partitionBy: 'tenant', verify: 'full' };
    const part = await jobs.export(server, 'native-some', some);
    assert.equal(part.status, 'SUCCESS', part.error?.message);
    assert.deepEqual(readdirSync(join(jobs.folder, 'out/native-some/Note')), ['tenant=berlin']);
    // All of three classes and of one tenant, each object compared with the server.
    const { compared, different, lost } = part.report.verification;
    assert.deepEqual([compared, different, lost], [110, 0, 0]);
    await assert.rejects(
      jobs.export(server, 'native-since', { source: 'native', native, since: backups }),
      /leave out "since"/,
    );
    const before = await jobs.rows('read-typed/Article.parquet');
    for (const { class: name } of await client.classes()) await client.rest.call('DELETE', `/schema/${name}`);
    const source = join(backups, 'native-typed');
    const job = await jobs.import(server, 'from-native', '', { source });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    assert.equal(job.report.objects, 190);
    for (const { object } of before) {
      const there = await client.object('Article', object.id);
      assert.deepEqual(differences(object, there!), [], object.id);
    }
  });
});

describe('vectors on a real Weaviate', () => {
  let server: WeaviateServer;
  let client: WeaviateClient;
  let jobs: VectorJobs;
  let python: string;

  before(async () => {
    python = await installed('python');
    server = await startWeaviate({ GRPC_MAX_MESSAGE_SIZE: '2000000' });
    client = clientOf(server);
    jobs = await vectorJobs();
    await fillSample(client, 60);
    await fillMany(client, 'Many', 20_000);
    // The clock of HTTP answers has whole seconds; nothing above is to count as changed meanwhile.
    await sleep(1100);
  });
  after(async () => {
    await client?.close();
    await jobs?.close();
    await server?.stop();
  });

  const out = (...path: string[]) => join(jobs.folder, 'out', ...path);

  /** All objects as the server gives them by REST, one by one. */
  async function onServer(name: string, tenant?: string): Promise<VectorObject[]> {
    const schema = (await client.classNamed(name))!;
    const found: VectorObject[] = [];
    const wanted = { properties: [], vectors: false };
    for await (const page of readObjects(client, schema, { tenant, range: {}, expected: 100, wanted })) {
      for (const { id } of page) found.push((await client.object(name, id, tenant))!);
    }
    return found;
  }

  async function assertSame(file: string, name: string, tenant?: string): Promise<void> {
    const rows = await jobs.rows(file);
    const there = await onServer(name, tenant);
    assert.deepEqual(
      rows.map((row) => row.object.id),
      there.map((object) => object.id),
    );
    rows.forEach(({ object }, i) => {
      assert.deepEqual(differences(object, there[i]!), [], `${name}/${object.id}`);
      assert.equal(object.created, there[i]!.created);
      assert.equal(object.updated, there[i]!.updated);
    });
  }

  for (const layout of ['typed', 'weaviate']) {
    test(`objects of every type, named and multi-vectors, references: ${layout} files hold what the server shows`, async () => {
      const job = await jobs.export(server, `every-${layout}`, {
        layout,
        exclude: ['Many', 'Note'],
        verify: 'full',
      });
      assert.equal(job.status, 'SUCCESS', job.error?.message);
      for (const name of ['Author', 'Article', 'Passage']) {
        await assertSame(`every-${layout}/${name}.parquet`, name);
      }
      assert.equal(job.report.verification.compared, 100);
      assert.equal(job.report.classes.Article!.changed, 0);
      assert.equal(existsSync(out(`every-${layout}/Draft.parquet`)), layout === 'typed');
    });
  }

  for (const reader of ['pyarrow', 'duckdb', 'polars', 'spark']) {
    test(`${reader} reads every value of typed files`, async () => {
      const names = ['Author', 'Article', 'Passage'];
      const files = names.map((name) => out(`every-typed/${name}.parquet`));
      const { stdout } = await execute(python, [READ_TYPED, reader, ...files], {
        maxBuffer: 1e9,
        env: { ...process.env, TZ: 'UTC' },
      });
      const read = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [number, Record<string, unknown>]);
      for (const [number, name] of names.entries()) {
        const rows = read.filter(([file]) => file === number).map(([, row]) => row);
        const there = await onServer(name);
        assert.equal(rows.length, there.length);
        there.forEach((object, i) => {
          assertTyped(rows[i]!, object);
        });
      }
    });
  }

  test('pages compressed in every way, and files of a size, hold the same objects', async () => {
    for (const compression of ['gzip', 'none', 'snappy']) {
      const spec = { include: ['Article'], compression };
      const job = await jobs.export(server, `by-${compression}`, spec);
      assert.equal(job.status, 'SUCCESS', job.error?.message);
      await assertSame(`by-${compression}/Article.parquet`, 'Article');
      const { stdout } = await execute(python, [
        READ_TYPED,
        'duckdb',
        out(`by-${compression}/Article.parquet`),
      ]);
      assert.equal(stdout.trim().split('\n').length, 60);
    }
    const size = 200_000;
    const job = await jobs.export(server, 'sized', { include: ['Many'], fileSize: size });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    const files = readdirSync(out('sized/Many')).sort();
    assert.ok(files.length > 10, `${files.length} files`);
    const ids: string[] = [];
    for (const file of files) {
      // As many rows as are thought to fit, and UUIDs are not spread quite evenly.
      assert.ok(statSync(out('sized/Many', file)).size < size * 1.3, file);
      for (const row of await jobs.rows(`sized/Many/${file}`)) ids.push(row.object.id);
    }
    assert.equal(new Set(ids).size, 20_000);
    assert.deepEqual(ids, [...ids].sort());
  });

  test('one folder for each tenant is a partitioned table for DuckDB', async () => {
    const job = await jobs.export(server, 'partitioned', { include: ['Note'], partitionBy: 'tenant' });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    for (const tenant of ['amsterdam', 'berlin']) {
      await assertSame(`partitioned/Note/tenant=${tenant}/data.parquet`, 'Note', tenant);
    }
    const folder = out('partitioned/Note').replaceAll("'", "''");
    const count = `select tenant, count(*) from read_parquet('${folder}/*/*.parquet', hive_partitioning = true) group by 1 order by 1`;
    const { stdout } = await execute(python, [
      '-c',
      `import duckdb; print(duckdb.sql("${count}").fetchall())`,
    ]);
    assert.equal(stdout.trim(), "[('amsterdam', 20), ('berlin', 40)]");
  });

  test('tenants: active ones are read, inactive and empty ones named, and all by --activate-tenants', async () => {
    const job = await jobs.export(server, 'tenants', { include: ['Note'], layout: 'weaviate' });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    await assertSame('tenants/Note_amsterdam.parquet', 'Note', 'amsterdam');
    assert.equal(existsSync(out('tenants/Note_delhi-empty.parquet')), false);
    const { shardStatus } = JSON.parse(readFileSync(out('tenants/export_metadata.json'), 'utf8'));
    assert.equal(shardStatus.Note.cairo.status, 'SKIPPED');
    assert.equal(shardStatus.Note.berlin.objectsExported, 40);

    const awake = await jobs.export(server, 'awake', { include: ['Note'], activateTenants: true });
    assert.equal(awake.status, 'SUCCESS', awake.error?.message);
    assert.equal((await jobs.rows('awake/Note.parquet')).length, 120);
    assert.equal(await client.tenantState('Note', 'cairo'), 'COLD');
  });

  test('a round trip gives the same objects, under other names', async () => {
    await jobs.export(server, 'trip', { exclude: ['Many'], activateTenants: true });
    const rename = { Author: 'Writer', Article: 'Story', Passage: 'Piece', Note: 'Memo', Draft: 'Sketch' };
    const job = await jobs.import(server, 'trip-back', 'trip', { rename });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    for (const [old, name] of Object.entries(rename)) {
      for (const tenant of old === 'Note' ? ['amsterdam', 'berlin'] : [undefined]) {
        const [here, there] = [await onServer(old, tenant), await onServer(name, tenant)];
        assert.equal(there.length, here.length, name);
        here.forEach((object, i) => {
          for (const list of Object.values(object.references ?? {})) {
            for (const each of list) each.className = rename[each.className as keyof typeof rename];
          }
          assert.deepEqual(differences(object, there[i]!), [], `${name}/${object.id}`);
        });
      }
    }
    for (const name of Object.values(rename)) await client.rest.call('DELETE', `/schema/${name}`);
  });

  test('successive exports follow the data as it grows and shrinks', async () => {
    await fillMany(client, 'Growing', 10);
    const count = async (id: string) => {
      const job = await jobs.export(server, id, { include: ['Growing'] });
      assert.equal(job.status, 'SUCCESS', job.error?.message);
      return (await jobs.rows(`${id}/Growing.parquet`)).length;
    };
    assert.equal(await count('growing-1'), 10);
    const schema = (await client.classNamed('Growing'))!;
    await put(client, schema, [10, 11, 12].map(manyObject));
    assert.equal(await count('growing-2'), 13);
    await client.rest.call('DELETE', `/objects/Growing/${manyObject(3).id}`);
    assert.equal(await count('growing-3'), 12);
    await client.rest.call('DELETE', '/schema/Growing');
  });

  test('writes while an export runs are found and read again', async (t) => {
    const schema = (await client.classNamed('Many'))!;
    const proxy = await startTcpProxy(server.grpc);
    t.after(() => proxy.stop());
    proxy.holdAfter(MOST_OF_MANY);
    const running = jobs.export({ url: server.url, grpc: proxy.address }, 'moving', { include: ['Many'] });
    // The first by UUID have surely been read.
    await until(() => proxy.held);
    const [first] = await readObjects(client, schema, {
      range: {},
      expected: 20_000,
      wanted: { properties: schema.properties!, vectors: true },
    })
      .next()
      .then(({ value }) => value as VectorObject[]);
    await put(client, schema, [{ ...first!, properties: { ...first!.properties, title: 'moved' } }]);
    proxy.release();
    const job = await running;
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    assert.equal(job.report.classes.Many!.changed, 1);
    const row = (await jobs.rows('moving/Many.parquet')).find(({ object }) => object.id === first!.id);
    assert.equal(row!.object.properties.title, 'moved');
    await sleep(1100);
  });

  /** Runs the command line with part of its gRPC until `isFar` holds, then kills it. */
  async function killWhen(
    args: string[],
    proxy: TcpProxy,
    isFar: () => Promise<boolean> | boolean,
  ): Promise<void> {
    proxy.holdAfter(MOST_OF_MANY);
    const to = ['--state', join(jobs.folder, 'cli'), '--weaviate', server.url, '--grpc', proxy.address];
    // Part by part, so that what has been read is written but for the last.
    const env = { ...process.env, SLUICE_PARTS_AT_ONCE: '1' };
    const child = spawn(process.execPath, [MAIN, ...args, ...to], { stdio: 'ignore', env });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    try {
      await until(async () => {
        assert.equal(child.exitCode, null, 'it was over before it could be killed');
        return await isFar();
      });
    } finally {
      child.kill('SIGKILL');
    }
    await ended;
    proxy.release();
  }
  const sluice = (...args: string[]) =>
    execute(process.execPath, [MAIN, '--state', join(jobs.folder, 'cli'), '--json', ...args], {
      maxBuffer: 1e9,
    });

  test('an export killed in the middle goes on: files that are there are not written again', async (t) => {
    const proxy = await startTcpProxy(server.grpc);
    t.after(() => proxy.stop());
    const args = ['vectors', 'export', out(), '--id', 'killed', '--include', 'Many', '--file-rows', '500'];
    const folder = out('killed/Many');
    const files = () =>
      existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.parquet')) : [];
    await killWhen(args, proxy, () => proxy.held && files().length >= 10);
    const times = new Map(files().map((name) => [name, statSync(join(folder, name)).mtimeMs]));
    assert.ok(times.size < 40, 'it was over');
    await sluice('jobs', 'resume', 'killed');
    assert.equal(files().length, 40);
    const kept = [...times].filter(([name, time]) => statSync(join(folder, name)).mtimeMs === time);
    assert.ok(kept.length >= 5, `${kept.length} of ${times.size} files were kept`);
    const ids = new Set<string>();
    for (const name of files())
      for (const row of await jobs.rows(`killed/Many/${name}`)) ids.add(row.object.id);
    assert.equal(ids.size, 20_000);
  });

  test('an import killed in the middle goes on, and nothing is missing or double', async (t) => {
    const proxy = await startTcpProxy(server.grpc);
    t.after(() => proxy.stop());
    const args = [
      'vectors',
      'import',
      out('killed'),
      '--id',
      'killed-import',
      '--rename',
      'Many=Again',
      '--reports',
      join(jobs.folder, 'imports'),
    ];
    await killWhen(
      args,
      proxy,
      async () =>
        (await client.classNamed('Again')) !== undefined &&
        (await client.count('Again').catch(() => 0)) > 2000,
    );
    const { stdout } = await sluice('jobs', 'resume', 'killed-import');
    assert.match(stdout, /"SUCCESS"/);
    assert.equal(await client.count('Again'), 20_000);
    for (const number of [0, 777, 19_999]) {
      assert.deepEqual(
        differences((await client.object('Again', manyObject(number).id))!, manyObject(number)),
        [],
      );
    }
    await client.rest.call('DELETE', '/schema/Again');
  });

  test('gRPC connections that are cut are made again, and no object is lost or double', async (t) => {
    const proxy = await startTcpProxy(server.grpc);
    t.after(() => proxy.stop());
    const running = jobs.export({ url: server.url, grpc: proxy.address }, 'cut', { include: ['Many'] });
    for (const bytes of [300_000, 500_000, 700_000]) {
      const before = proxy.cuts;
      proxy.cutAfter(bytes);
      await until(() => proxy.cuts > before);
    }
    const job = await running;
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    const rows = await jobs.rows('cut/Many.parquet');
    assert.equal(new Set(rows.map((row) => row.object.id)).size, 20_000);
    assert.equal(rows.length, 20_000);
  });

  test('429 and 503 answers are waited out', async (t) => {
    const proxy = await startFaultProxy(server.url);
    t.after(() => proxy.stop());
    const busy = proxy.rule(
      { path: '/v1/schema', times: 2 },
      { answer: { status: 429, headers: { 'retry-after': '1' } } },
    );
    const away = proxy.rule({ path: '/v1/objects', times: 2 }, { answer: { status: 503 } });
    const job = await jobs.export({ url: proxy.endpoint, grpc: server.grpc }, 'busy', {
      include: ['Article'],
    });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    assert.equal(busy.hits + away.hits, 4);
  });

  test('an object over the limit of a gRPC message is read all the same', async () => {
    await fillMany(client, 'Heavy', 50);
    const title = 'x'.repeat(3_000_000);
    const { id } = manyObject(7);
    await client.rest.call('PUT', `/objects/Heavy/${id}`, {
      body: { class: 'Heavy', id, properties: { title, number: 7 }, vector: Array(32).fill(0.5) },
    });
    await sleep(1100);
    const job = await jobs.export(server, 'heavy', { include: ['Heavy'] });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    const rows = await jobs.rows('heavy/Heavy.parquet');
    assert.equal(rows.length, 50);
    const row = rows.find(({ object }) => object.id === id)!;
    assert.equal(row.object.properties.title, title);
    assert.equal(row.object.vector!.length, 128);
    await client.rest.call('DELETE', '/schema/Heavy');
  });

  test('a tenant deleted meanwhile is left out and named', async (t) => {
    await client.createClass({
      class: 'VeryLast',
      vectorizer: 'none',
      multiTenancyConfig: { enabled: true },
      properties: [{ name: 'title', dataType: ['text'] }],
    });
    await client.addTenants('VeryLast', ['stays', 'goes']);
    const schema = (await client.classNamed('VeryLast'))!;
    const bare = (number: number): VectorObject => ({ ...manyObject(number), properties: { title: 'x' } });
    for (const tenant of ['stays', 'goes']) await put(client, schema, [1, 2, 3].map(bare), tenant);
    // One part at a time: those of this class wait for those of the one before it, which are held.
    const slow = await vectorJobs({ partsAtOnce: 1 });
    const proxy = await startTcpProxy(server.grpc);
    t.after(() => slow.close());
    t.after(() => proxy.stop());
    proxy.holdAfter(MOST_OF_MANY);
    const to = { url: server.url, grpc: proxy.address };
    const running = slow.export(to, 'going', { include: ['Many', 'VeryLast'], partitionBy: 'tenant' });
    await until(() => proxy.held);
    await client.rest.call('DELETE', '/schema/VeryLast/tenants', { body: ['goes'] });
    proxy.release();
    const job = await running;
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    const { skipped, objects } = job.report.classes.VeryLast!;
    assert.equal(objects, 3);
    assert.deepEqual(
      skipped.map((each) => each.tenant),
      ['goes'],
    );
    assert.match(skipped[0]!.reason, /was deleted/);
    await client.rest.call('DELETE', '/schema/VeryLast');
  });
});

/** A row that another reader gave, against the object as the server shows it. */
function assertTyped(row: Record<string, unknown>, object: VectorObject): void {
  assert.equal(row.id, object.id);
  assert.equal(row.creation_time, object.created * 1000);
  assert.equal(row.update_time, object.updated * 1000);
  const floats = (bytes: Uint8Array | undefined) =>
    bytes ? [...new Float32Array(new Uint8Array(bytes).buffer)] : null;
  if ('vector' in row) assert.deepEqual(row.vector, floats(object.vector));
  if ('vector_title' in row) assert.deepEqual(row.vector_title, floats(object.vectors?.title));
  if ('vector_tokens' in row) {
    assert.deepEqual(row.vector_tokens, object.multiVectors?.tokens?.map(floats) ?? null);
  }
  for (const [name, value] of Object.entries(object.properties)) {
    assert.deepEqual(trimmed(row[name]), typed(value), `${name} of ${object.id}`);
  }
  for (const [name, list] of Object.entries(object.references ?? {})) {
    assert.deepEqual(
      row[name],
      list.map((each) => each.id),
    );
  }
}

/** A value as the readers show its column: dates as microseconds, coordinates as float32. */
function typed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typed);
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) {
    const [, digits = ''] = /\.(\d+)/.exec(value) ?? [];
    const seconds = Date.parse(value.replace(/\.\d+/, '')) / 1000;
    return seconds * 1e6 + Number(digits.slice(0, 6).padEnd(6, '0'));
  }
  if (typeof value !== 'object' || value === null) return value;
  const geo = 'latitude' in value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, geo ? Math.fround(each as number) : typed(each)]),
  );
}

/** Without the nulls of structs, which the server does not show. */
function trimmed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trimmed);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([name, each]) => [name, trimmed(each)]));
}
