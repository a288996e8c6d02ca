import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { Workspace } from '../support/databricks/workspace.ts';
import { TableApp } from '../support/delta/table-app.ts';
import { startTinyS3, type TinyS3 } from '../support/tiny-s3.ts';
import { cli } from './cli.ts';

describe('sluice doctor', () => {
  const lake = new TableApp();
  let home: string;
  let weaviate: SampleWeaviate;
  let workspace: Workspace;
  let s3: TinyS3;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
    await lake.start();
    lake.server.branches.set('main', lake.lake.c1);
    weaviate = await startSampleWeaviate({ articles: 3 });
    workspace = await new Workspace().start();
    s3 = await startTinyS3();
    s3.objects.set('exports/there', Buffer.from('x'));
  });
  after(async () => {
    await Promise.all([lake.close(), workspace.close(), s3.stop()]);
    weaviate.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const doctor = async (config: object, ...args: string[]) => {
    // JSON is YAML, too.
    writeFileSync(join(home, 'sluice.yaml'), JSON.stringify(config));
    const { code, stdout, stderr } = await cli(['--json', 'doctor', ...args], home);
    const findings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finding);
    const of = (check: string) => findings.filter((finding) => finding.check === check);
    return { code, findings, stdout, stderr, of };
  };
  const connections = () => ({
    lake: {
      type: 'lakefs',
      endpoint: lake.server.url,
      access_key_id: 'key',
      secret_access_key: 'lake-secret',
    },
    minio: {
      type: 's3',
      endpoint: s3.endpoint,
      access_key_id: 'a',
      secret_access_key: 's3-secret',
      retries: 0,
    },
    vectors: { type: 'weaviate', url: weaviate.url, grpc: weaviate.grpc },
    uc: { type: 'unity', url: workspace.url, token: workspace.token },
    work: { type: 'databricks', host: workspace.url, token: workspace.token, warehouse_id: 'w' },
  });

  it('finds a setup well, leaves nothing behind and shows no secret', async () => {
    const { code, findings, stdout, of } = await doctor({
      connections: connections(),
      use: { 'lakefs://': 'lake', 's3://': 'minio' },
      service: { allow: { sources: ['lakefs://lake/main/tables/'], destinations: ['s3://exports/a b/'] } },
      export: { filesystem: { path: join(home, 'exports') } },
      gateway: {
        mappings: [{ replace: 's3://old/', with: 's3://exports/', connection: 'minio' }],
        default: { s3: 'minio' },
      },
      tables: [
        { repository: 'lake', branches: ['main', 'x/*'], target_base_location: 's3://exports/tables' },
      ],
      schedules: [
        {
          name: 'nightly',
          cron: '30 2 * * *',
          timezone: 'Europe/Berlin',
          job: {
            kind: 'lake-export',
            spec: { source: 'lakefs://lake/main', destination: 's3://exports/n/{date}' },
          },
        },
      ],
    });
    const bad = findings.filter(({ result }) => result === 'failed' || result === 'warning');
    assert.deepEqual(bad, []);
    assert.equal(code, 0);
    for (const name of ['lake', 'minio', 'vectors', 'vectors (gRPC)', 'uc', 'work']) {
      assert.equal(of(`connection ${name}`).length, 1, name);
    }
    assert.match(of('connection work')[0]!.message, /warehouse is STOPPED/);
    assert.match(of('source lakefs://lake/main')[0]!.message, /tables of lake, schedule nightly/);
    assert.match(of('destination s3://exports/n/')[0]!.message, /written, read and deleted/);
    assert.match(of('schedule nightly')[0]!.message, /next at \d{4}-.*T0[01]:30:00.000Z/);
    assert.equal(of('gateway, mapping 1').length, 1);
    assert.deepEqual([...s3.objects.keys()], ['exports/there']);
    assert.ok(!existsSync(join(home, 'exports')) || readdirSync(join(home, 'exports')).length === 0);
    assert.doesNotMatch(stdout, /lake-secret|s3-secret|dapi-secret/);
  });

  it('says of each thing that is wrong what to do, goes on with the others, and ends with 1', async () => {
    const late = createServer((_request, response) => {
      response.setHeader('date', new Date(Date.now() - 20 * 60_000).toUTCString());
      response.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>');
    }).listen(0, '127.0.0.1');
    await once(late, 'listening');
    writeFileSync(join(home, 'a-file'), '');
    const { code, of } = await doctor({
      connections: {
        ...connections(),
        late: {
          type: 's3',
          endpoint: `http://127.0.0.1:${(late.address() as AddressInfo).port}`,
          access_key_id: 'a',
          secret_access_key: 'b',
        },
        vectors: { type: 'weaviate', url: weaviate.url, grpc: '127.0.0.1:9' },
        uc: { type: 'unity', url: workspace.url, token: 'wrong' },
      },
      use: { 'lakefs://': 'lake', 's3://': 'minio' },
      service: {
        allow: { sources: ['lakefs://lake/gone/'], destinations: [join(home, 'a-file/x'), 's3://exports/'] },
      },
      schedules: [
        {
          name: 'never',
          cron: '0 0 31 2 *',
          job: { kind: 'lake-export', spec: { source: 'lakefs://lake/main', destination: 's3://exports/' } },
        },
      ],
    });
    late.close();
    assert.equal(code, 1);
    const failure = (check: string) => of(check).find(({ result }) => result === 'failed')!;
    assert.match(failure('connection late').message, /clock here is (19|20)\.\d minutes ahead of .*NTP/);
    assert.equal(failure('connection uc').code, 'UNAUTHENTICATED');
    assert.match(failure('connection vectors (gRPC)').message, /set "grpc" of the connection/);
    assert.equal(failure('source lakefs://lake/gone/').code, 'NOT_FOUND');
    assert.ok(failure(`destination ${join(home, 'a-file/x')}`));
    assert.equal(of('schedule never')[0]!.result, 'warning');
    assert.equal(of('destination s3://exports/')[0]!.result, 'ok');
    assert.equal(of('connection lake')[0]!.result, 'ok');
  });

  it('only looks with --no-write, and tries nothing of a file that has mistakes', async () => {
    const looked = await doctor(
      {
        connections: connections(),
        use: { 's3://': 'minio' },
        service: { allow: { destinations: ['s3://exports/'] } },
      },
      '--no-write',
    );
    assert.match(looked.of('destination s3://exports/')[0]!.message, /can be listed/);
    const broken = await doctor({ conections: {} });
    assert.equal(broken.code, 1);
    assert.deepEqual(
      broken.findings.map(({ check, code }) => [check, code]),
      [['configuration', 'BAD_CONFIG']],
    );
    assert.match(broken.findings[0]!.message, /did you mean "connections"/);
  });
});
