import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const connection = (url: string, grpc: string, key?: string) => ({
  name: 'vectors',
  type: 'weaviate',
  url,
  grpc,
  ...(key === undefined ? {} : { api_key: key }),
});
const SERVICE = { listen: '', auth: 'none', weaviate: 'vectors' } as const;

describe("Weaviate's export API", () => {
  const service = new TestService({ service: SERVICE });
  let weaviate: SampleWeaviate;
  before(async () => {
    weaviate = await startSampleWeaviate();
    await service.start({
      connections: [connection(weaviate.url, weaviate.grpc)],
      export: {
        filesystem: { path: service.folderOf('exports') },
        s3: { bucket: 'exports', path: 'weaviate' },
      },
    });
  });
  after(async () => {
    await service.close();
    weaviate.stop();
  });

  const create = (body: object, backend = 'filesystem') => service.post(`/v1/export/${backend}`, body);
  const status = async (id: string) => (await service.get(`/v1/export/filesystem/${id}`)).json;
  const ended = (id: string) =>
    until(async () => {
      const answer = await status(id);
      return ['SUCCESS', 'FAILED', 'CANCELED'].includes(answer.status) && answer;
    });

  it('answers as Weaviate does, with what the first design had, too', async () => {
    const created = await create({ id: 'all-1', file_format: 'parquet' });
    assert.equal(created.status, 200);
    const { startedAt, ...rest } = created.json;
    const path = service.folderOf('exports/all-1');
    const classes = ['Article', 'Author', 'Draft', 'Note', 'Passage'];
    assert.deepEqual(rest, { id: 'all-1', backend: 'filesystem', path, status: 'STARTED', classes });
    assert.match(startedAt, /^\d{4}-\d\d-\d\dT/);

    const done = await ended('all-1');
    assert.equal(done.status, 'SUCCESS', done.error);
    assert.deepEqual(done.classes, classes);
    assert.equal(done.startedAt, startedAt);
    assert.ok(Date.parse(done.completedAt) - Date.parse(startedAt) === done.tookInMs);
    assert.equal(done.error, undefined);
    const [article] = Object.values(done.shardStatus.Article) as {
      status: string;
      objectsExported: number;
    }[];
    assert.deepEqual(article, { status: 'SUCCESS', objectsExported: 200 });
    assert.equal(done.shardStatus.Note.berlin.objectsExported, 40);
    assert.equal(done.shardStatus.Note.cairo.status, 'SKIPPED');
    assert.match(done.shardStatus.Note.cairo.skipReason, /activate|COLD|not active/i);
    assert.equal(done.progress.Article.objectsExported, 200);
    assert.ok(done.progress.Article.fileSizeBytes > 1000);
    assert.equal(done.progress.Article.status, 'SUCCESS');
    assert.ok(existsSync(join(path, 'Article.parquet')));
    assert.equal(JSON.parse(readFileSync(join(path, 'export_metadata.json'), 'utf8')).status, 'SUCCESS');

    // Counted from events, a moment after the end is to be seen.
    const metrics = await until(async () => {
      const { text } = await service.get('/metrics');
      return /weaviate_export_operations_total\{status="SUCCESS"\} 1/.test(text) && text;
    });
    assert.match(metrics, /weaviate_export_duration_seconds_count 1/);
    assert.match(metrics, /weaviate_export_coordination_duration_seconds_count 1/);
    assert.ok(Number(/weaviate_export_objects_total (\d+)/.exec(metrics)![1]) >= 240);
  });

  it('takes include and exclude', async () => {
    const included = await create({ id: 'inc', include: ['author', 'Passage'] });
    assert.deepEqual(included.json.classes, ['Author', 'Passage']);
    const excluded = await create({ id: 'exc', exclude: ['Note', 'Article', 'Unknown'], include: [] });
    assert.deepEqual(excluded.json.classes, ['Author', 'Draft', 'Passage']);
    assert.equal((await ended('inc')).status, 'SUCCESS');
    assert.equal((await ended('exc')).status, 'SUCCESS');
    assert.ok(!existsSync(service.folderOf('exports/inc/Article.parquet')));
    const list = (await service.get('/v1/export')).json;
    assert.deepEqual(
      list.map(({ id }: { id: string }) => id),
      ['exc', 'inc', 'all-1'],
    );
    assert.equal((await service.get('/v1/export/filesystem?limit=1')).json.length, 1);
    assert.deepEqual((await service.get('/v1/export/s3')).json, []);
  });

  it('refuses what Weaviate refuses, with its codes', async () => {
    const long = 'a'.repeat(129);
    const cases: [number, object, string?][] = [
      [422, { id: 'Upper' }],
      [422, { id: 'a b' }],
      [422, { id: '../x' }],
      [422, { id: '' }],
      [422, { id: long }],
      [422, {}],
      [422, { id: 'x', file_format: 'csv' }],
      [422, { id: 'x', include: ['Author'], exclude: ['Note'] }],
      [422, { id: 'x', include: ['Nowhere'] }],
      [422, { id: 'x', include: 'Author' }],
      [422, { id: 'x', exclude: ['Article', 'Author', 'Draft', 'Note', 'Passage'] }],
      [422, { id: 'x' }, 'ftp'],
      [422, { id: 'x' }, 'gcs'],
      [409, { id: 'all-1' }],
      [403, { id: 'x', config: { bucket: 'other' } }, 's3'],
      [403, { id: 'x', config: { path: 'elsewhere' } }, 's3'],
      [403, { id: 'x', config: { path: 'weaviate/../..' } }, 's3'],
      [403, { id: 'x', config: { path: 'weaviate-2' } }, 's3'],
      [403, { id: 'x', config: { path: '/etc' } }],
      [403, { id: 'x', config: { bucket: 'b' } }],
    ];
    for (const [code, body, backend] of cases) {
      const answer = await create(body, backend);
      assert.equal(answer.status, code, `${JSON.stringify(body)} ${answer.text}`);
      assert.equal(typeof answer.json.error[0].message, 'string');
    }
    assert.equal((await service.get('/v1/export/filesystem/none')).status, 404);
    assert.equal((await service.call('DELETE', '/v1/export/filesystem/none')).status, 404);
    const empty = { 'content-type': 'application/json' };
    assert.equal(
      (await service.call('DELETE', '/v1/export/filesystem/all-1', undefined, empty)).status,
      409,
      "the official client's way to send nothing",
    );
    const max = 'm'.repeat(128);
    assert.equal((await create({ id: max, include: ['Author'] })).status, 200);
    assert.equal((await ended(max)).status, 'SUCCESS');
  });

  it('writes below the configured place where the caller says so, and not over what is there', async () => {
    const config = { path: 'team/a' };
    const { json } = await create({ id: 'sub', include: ['Author'], config });
    assert.equal(json.path, service.folderOf('exports/team/a/sub'));
    assert.equal((await ended('sub')).status, 'SUCCESS');
    mkdirSync(service.folderOf('exports/foreign'), { recursive: true });
    writeFileSync(service.folderOf('exports/foreign/export_metadata.json'), '{}');
    assert.equal((await create({ id: 'foreign', include: ['Author'] })).status, 409);
  });

  it('passes everything else on to Weaviate, both ways and as it is', async () => {
    assert.equal((await service.get('/v1/meta')).json.version, '1.37.0');
    assert.equal((await service.get('/v1/.well-known/ready')).status, 200);
    const schema = (await service.get('/v1/schema/Author')).json;
    assert.equal(schema.class, 'Author');
    assert.equal((await service.get('/v1/schema/Nowhere')).status, 404);
    const id = '00000000-0000-4000-8000-0000000000aa';
    const properties = { name: 'Zoë & Пётр', bio: 'x'.repeat(2_000_000) };
    await service.post('/v1/objects', { class: 'Author', id, properties });
    const there = await service.get(`/v1/objects/Author/${id}`);
    assert.equal(there.json.properties.bio.length, 2_000_000);
    assert.equal(there.json.properties.name, properties.name);
    assert.equal((await service.call('DELETE', `/v1/objects/Author/${id}`)).status, 204);
    assert.equal((await service.get('/other/v1/meta')).status, 404);
  });
});

describe('an export whose service died between noting and starting it', () => {
  it('keeps its id, and starts with the next service', async (t) => {
    const weaviate = await startSampleWeaviate();
    const service = new TestService({ service: SERVICE });
    t.after(async () => {
      await service.close();
      weaviate.stop();
    });
    const folder = service.folderOf('exports');
    mkdirSync(folder);
    await service.start({
      connections: [connection(weaviate.url, weaviate.grpc)],
      export: { filesystem: { path: folder } },
    });
    const spec = { weaviate: 'vectors', include: ['Author'], id: 'nightly', destination: folder };
    await service.running.service.db.run(
      `INSERT INTO exports (job, spec, path, classes, started_at, backend, id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[
        'export-1',
        JSON.stringify(spec),
        join(folder, 'nightly'),
        '["Author"]',
        1,
        'filesystem',
        'nightly',
      ],
    );
    const again = await service.post('/v1/export/filesystem', { id: 'nightly', include: ['Author'] });
    assert.equal(again.status, 409, again.text);
    await service.restart({
      connections: [connection(weaviate.url, weaviate.grpc)],
      export: { filesystem: { path: folder } },
    });
    await until(async () => (await service.get('/v1/export/filesystem/nightly')).json.status === 'SUCCESS');
    assert.ok(existsSync(join(folder, 'nightly', 'Author.parquet')));
  });
});

describe('exports that take long', () => {
  const service = new TestService({ service: SERVICE });
  let weaviate: SampleWeaviate;
  let silent: Server;
  const sockets: Socket[] = [];
  before(async () => {
    weaviate = await startSampleWeaviate();
    // Takes connections and says nothing: what reads from it waits.
    silent = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await service.start({
      connections: [connection(weaviate.url, `127.0.0.1:${port}`)],
      export: { filesystem: { path: service.folderOf('exports') } },
    });
  });
  after(async () => {
    await service.close();
    weaviate.stop();
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  const create = (id: string) => service.post('/v1/export/filesystem', { id, include: ['Author'] });
  const state = async (id: string) => (await service.get(`/v1/export/filesystem/${id}`)).json.status;

  it('run side by side, can be cancelled, and go on after a restart of the service', async () => {
    for (const id of ['stays', 'goes']) {
      assert.equal((await create(id)).status, 200);
      // It waits for counts: the server says nothing.
      assert.equal(await state(id), 'STARTED');
      assert.equal((await create(id)).status, 409);
    }
    assert.equal((await service.call('DELETE', '/v1/export/filesystem/goes')).status, 204);
    assert.equal(await until(async () => (await state('goes')) === 'CANCELED'), true);
    assert.equal((await service.call('DELETE', '/v1/export/filesystem/goes')).status, 409);

    await service.restart({
      connections: [connection(weaviate.url, weaviate.grpc)],
      export: { filesystem: { path: service.folderOf('exports') } },
    });
    await until(async () => (await state('stays')) === 'SUCCESS');
    assert.equal((await create('stays')).status, 409);
    assert.equal(await state('goes'), 'CANCELED');
    assert.equal((await create('goes')).status, 200, 'a canceled one gives its id free');
    await until(async () => (await state('goes')) === 'SUCCESS');
  });
});

describe('who may export', () => {
  const service = new TestService();
  let weaviate: SampleWeaviate;
  before(async () => {
    weaviate = await startSampleWeaviate({ articles: 5, apiKey: 'weaviate-key' });
    await service.start({
      service: { ...SERVICE, auth: 'keys' },
      connections: [connection(weaviate.url, weaviate.grpc, 'weaviate-key')],
      export: { filesystem: { path: service.folderOf('exports') } },
    });
  });
  after(async () => {
    await service.close();
    weaviate.stop();
  });

  const create = (id: string, key: string | undefined, include = ['Author']) => {
    service.key = key;
    return service.post('/v1/export/filesystem', { id, include });
  };

  it('Weaviate decides for callers that it knows', async () => {
    for (const key of [undefined, 'wrong-key']) {
      const refused = await create('a', key);
      assert.equal(refused.status, 401, refused.text);
      assert.equal((await service.get('/v1/export')).status, 401);
      assert.equal((await service.get('/v1/export/filesystem/a')).status, 401);
      assert.equal((await service.get('/v1/schema')).status, 401, 'nothing of ours is sent along');
    }
    assert.equal((await create('a', 'weaviate-key')).status, 200);
    assert.equal((await service.get('/v1/export/filesystem/a')).status, 200);
    assert.equal((await service.get('/v1/schema')).status, 200);
    assert.equal((await service.get('/v1/jobs')).status, 401, 'its keys are none of ours');
  });

  it('roles decide for keys of Sluice, by class', async () => {
    const { keys } = service.running.service;
    const { key } = await keys.create({ name: 'authors', roles: ['export:create:Author', 'export:read'] });
    assert.equal((await create('b', key)).status, 200);
    assert.equal((await service.get('/v1/export/filesystem/b')).status, 200);
    assert.equal((await service.call('DELETE', '/v1/export/filesystem/b')).status, 403);
    const refused = await create('c', key, ['Author', 'Article']);
    assert.equal(refused.status, 403);
    assert.match(refused.json.error[0].message, /export:create/);
    const jobs = await keys.create({ name: 'jobs', roles: ['run', 'read'] });
    assert.equal((await create('d', jobs.key)).status, 403);
    assert.equal((await service.get('/v1/schema')).status, 401, 'our key does not reach Weaviate');
  });
});
