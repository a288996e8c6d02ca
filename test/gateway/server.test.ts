import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { pino } from 'pino';
import { createMetrics } from '../../src/gateway/metrics.ts';
import { parseListen } from '../../src/gateway/options.ts';
import { serverSettings } from '../../src/gateway/settings.ts';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { bytesOf, patterned } from '../contracts/store/subject.ts';
import { until } from '../support/until.ts';
import { ALL, startGateway } from './client.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../fixtures/tls', name), 'utf8');

const storeAt = (endpoint: string, more: object = {}) =>
  new S3Store(
    parseS3Connection({
      name: 'gateway',
      type: 's3',
      endpoint,
      region: 'us-east-1',
      path_style: true,
      access_key_id: ALL.accessKey,
      secret_access_key: ALL.secretKey,
      ...more,
    }),
    'bucket',
  );

it('speaks TLS with a certificate from files', async () => {
  const gateway = await startGateway({ tls: { cert: fixture('cert.pem'), key: fixture('key.pem') } });
  after(() => gateway.close());
  const ca = join(import.meta.dirname, '../fixtures/tls/cert.pem');
  const store = storeAt(`https://localhost:${gateway.port}`, { ca });
  after(() => store.close());
  await store.put('secure', Buffer.from('secure'));
  assert.equal(String(await bytesOf(store, 'secure')), 'secure');
});

it('counts by operation, target and status, and writes a line for each request', async () => {
  const metrics = await createMetrics();
  const lines: Record<string, unknown>[] = [];
  const gateway = await startGateway({
    metrics,
    accessLog: pino({ base: undefined }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    targetOf: (scheme, bucket) => `target of ${scheme}://${bucket}`,
  });
  after(() => gateway.close());
  await gateway.send({ method: 'PUT', path: '/bucket/counted', body: '12345' });
  await gateway.send({ path: '/bucket/counted' });
  await gateway.send({ path: '/bucket/none' });
  await gateway.send({ path: '/bucket/none', anonymous: true });
  // An answer is counted once it has gone out.
  await until(() => lines.length === 4);
  const text = await metrics.registry.metrics();
  const target = 'target="target of s3a://bucket"';
  for (const line of [
    `sluice_gateway_requests_total{operation="PutObject",${target},status="200"} 1`,
    `sluice_gateway_requests_total{operation="GetObject",${target},status="200"} 1`,
    `sluice_gateway_requests_total{operation="GetObject",${target},status="404"} 1`,
    'sluice_gateway_requests_total{operation="Unknown",target="",status="403"} 1',
    `sluice_gateway_received_bytes_total{operation="PutObject",${target}} 5`,
    `sluice_gateway_request_seconds_count{operation="PutObject",${target},status="200"} 1`,
    'sluice_gateway_active_requests 0',
  ]) {
    assert.ok(text.includes(line), `${line}\n${text}`);
  }
  assert.deepEqual(
    lines.map(({ client, operation, key, status, code }) => [client, operation, key, status, code]),
    [
      ['all', 'PutObject', 'counted', 200, undefined],
      ['all', 'GetObject', 'counted', 200, undefined],
      ['all', 'GetObject', 'none', 404, 'NoSuchKey'],
      [undefined, 'Unknown', 'none', 403, 'AccessDenied'],
    ],
  );
  assert.doesNotMatch(JSON.stringify(lines), /secret|Signature|AKALL/);
});

it('lets requests end before it closes', async () => {
  const begun = Promise.withResolvers<void>();
  const gateway = await startGateway({}, (inner) =>
    Object.assign(Object.create(inner), {
      kind: 'slow',
      head: async (key: string) => {
        begun.resolve();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return inner.head(key);
      },
    }),
  );
  await gateway.store.put('slow', Buffer.from('x'));
  const answer = gateway.send({ path: '/bucket/slow', query: { tagging: '' } });
  await begun.promise;
  await Promise.all([gateway.close(60_000), answer]);
  assert.equal((await answer).status, 200);
  await assert.rejects(gateway.send({ path: '/bucket/slow' }), { code: 'ECONNREFUSED' });
});

it('tells clients that never rest to go when it closes', async () => {
  const gateway = await startGateway();
  const url = `http://127.0.0.1:${gateway.port}/-/health`;
  let answers = 0;
  let last: string | null = null;
  const ask = async () => {
    for (;;) {
      const answer = await fetch(url).catch(() => undefined);
      if (!answer) return;
      answers++;
      last = answer.headers.get('connection');
      await answer.text();
    }
  };
  const asking = [ask(), ask(), ask()];
  await until(() => answers > 0);
  await gateway.close(60_000);
  await Promise.all(asking);
  assert.equal(last, 'close');
});

it('reads addresses and settings, and says which one is wrong', () => {
  assert.deepEqual(parseListen('gs=:9091'), { scheme: 'gs', host: '127.0.0.1', port: 9091 });
  assert.deepEqual(parseListen('9090'), { scheme: 's3a', host: '127.0.0.1', port: 9090 });
  assert.deepEqual(parseListen('[::1]:1'), { scheme: 's3a', host: '::1', port: 1 });
  for (const wrong of ['', 'x', '1:2:3', ':99999', '=1']) assert.equal(parseListen(wrong), undefined);
  const settings = serverSettings({
    listeners: { s3a: '0.0.0.0:1', gs: ':2' },
    limits: { idle_ms: 5 },
    tls: { cert: 'c', key: 'k' },
  });
  assert.deepEqual(settings.listen, [
    { scheme: 's3a', host: '0.0.0.0', port: 1 },
    { scheme: 'gs', host: '127.0.0.1', port: 2 },
  ]);
  assert.deepEqual(settings.limits, { idleTime: 5 });
  for (const [wrong, message] of [
    [{ listen: 'nowhere' }, /gateway\.listen/],
    [{ tls: { cert: 'c' } }, /gateway\.tls/],
    [{ workers: 0 }, /gateway\.workers/],
    [{ limits: { speed: 1 } }, /gateway\.limits\.speed/],
    [{ domains: 'x' }, /gateway\.domains/],
  ] as const) {
    assert.throws(() => serverSettings(wrong), { code: 'BAD_CONFIG', message });
  }
});

it("runs as a command with several processes that go on with each other's uploads", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-route-'));
  after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'sluice.yaml');
  writeFileSync(
    file,
    `gateway:
  listen: "127.0.0.1:0"
  workers: 2
  clients: [{name: all, access_key: ${ALL.accessKey}, secret_key: ${ALL.secretKey}, allow: [{prefix: "s3a://", rights: rwd}]}]
  mappings: [{replace: "s3a://bucket/", with: "file://${folder}/data/"}]
  default: {s3a: none}
connections:
  none: {type: memory}
`,
  );
  const main = join(import.meta.dirname, '../../src/main.ts');
  const child = spawn(process.execPath, [main, 'route', '--config', file, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [{ endpoint }] = JSON.parse(String(line)).listening;
  const store = storeAt(endpoint, { part_size: 5 * 1024 * 1024, multipart_threshold: 1_000_000 });
  const bytes = patterned(11_000_000);
  await store.put('large', bytes);
  assert.ok((await bytesOf(store, 'large')).equals(bytes));
  assert.ok(existsSync(join(folder, 'data', 'large')));
  await store.close();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});
