import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { sampleContent } from '../../src/demo/lake/content.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { memoryProvider } from '../../src/stores/memory/provider.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { s3Provider } from '../../src/stores/s3/provider.ts';
import type { Store } from '../../src/stores/store.ts';
import { bareEnv } from '../commands/cli.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { until } from '../support/until.ts';
import { type S3Server, startMinio } from './harness.ts';

const OBJECTS = 600;

interface Ended {
  code: number | null;
  lines: { [key: string]: never }[];
  // biome-ignore lint/suspicious/noExplicitAny: the last line of --json, looked at field by field
  last: any;
  stderr: string;
}

describe('sluice export, a lake in one real bucket, to another', () => {
  let minio: S3Server;
  let proxy: FaultProxy;
  let lake: SampleLake;
  let out: Store;
  let folder: string;
  const open = storeOpener([s3Provider, memoryProvider], connectionsOf());

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-lake-'));
    minio = await startMinio({ buckets: ['lake', 'out'] });
    proxy = await startFaultProxy(minio.endpoint);
    const store = await s3Of(minio, 'lake');
    out = await s3Of(minio, 'out');
    lake = await createSampleLake({
      repository: 'repo',
      blocks: store,
      root: 's3://lake',
      rangeEntries: 100,
    });
    for (const { path, bytes, contentType, metadata } of sampleContent(OBJECTS)) {
      await lake.put('main', path, bytes, { contentType, metadata });
    }
    await lake.put('main', 'big/70MiB.bin', randomBytes(70 * 1024 * 1024));
    await lake.commit('main', 'first');
  });
  after(async () => {
    await lake?.close();
    await proxy?.stop();
    await open.close();
    await minio?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function s3Of(server: { endpoint: string }, bucket: string, keys = minio): Promise<Store> {
    const { accessKeyId, secretAccessKey } = keys;
    return s3Provider.open(bucket, {
      ...{ name: 'minio', type: 's3', endpoint: server.endpoint, path_style: true },
      ...{ access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    });
  }

  /** A configuration: the source bucket direct (or not at all), the destination through the proxy. */
  function config(name: string, more: { source?: boolean; secret?: string; s3?: string } = {}): string {
    const { accessKeyId, secretAccessKey } = minio;
    const keys = `access_key_id: ${accessKeyId}, secret_access_key: ${more.secret ?? secretAccessKey}`;
    const file = join(folder, `${name}.yaml`);
    writeFileSync(
      file,
      `connections:
  lake: {type: lakefs, endpoint: "${lake.url}", access_key_id: ${lake.server.accessKeyId}, secret_access_key: ${lake.server.secretAccessKey}}
  source: {type: s3, endpoint: "${minio.endpoint}", path_style: true, access_key_id: ${accessKeyId}, secret_access_key: ${secretAccessKey}}
  out: {type: s3, endpoint: "${proxy.endpoint}", path_style: true, ${keys}${more.s3 ?? ''}}
use: {"lakefs://": lake, ${more.source === false ? '' : '"s3://lake": source, '}"s3://out": out}
state: ${join(folder, `state-${name}`)}
`,
    );
    return file;
  }

  function start(configFile: string, args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(process.execPath, ['src/main.ts', '--config', configFile, '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: bareEnv(folder),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => {
        const lines = stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line));
        resolve({ code, lines, last: lines.at(-1), stderr });
      });
    });
    return { child, ended };
  }
  const sluice = (configFile: string, ...args: string[]): Promise<Ended> => start(configFile, args).ended;
  const same = async (configFile: string, destination: string): Promise<void> => {
    const { code, last } = await sluice(configFile, 'verify', 'lakefs://repo/main', destination);
    assert.deepEqual([code, last.same, last.missing, last.different, last.extra], [0, OBJECTS + 1, 0, 0, 0]);
  };

  for (const via of ['copy', 'store', 'presign', 'lakefs']) {
    test(`--via ${via} brings everything, and sluice verify finds no difference`, async () => {
      // The proxy has another address than the source: a copy needs both on one.
      const file = config(via);
      const text = via === 'copy' ? '"s3://lake": source' : '';
      if (text) writeFileSync(file, readFileSync(file, 'utf8').replace(text, '"s3://lake": out'));
      const { code, last } = await sluice(
        file,
        'export',
        'lakefs://repo/main',
        `s3://out/${via}`,
        '--via',
        via,
      );
      assert.deepEqual([code, last.status, last.report.via[via]], [0, 'SUCCESS', OBJECTS + 1]);
      await same(file, `s3://out/${via}`);
      const noise = await out.head(`${via}/images/noise.png`);
      assert.deepEqual([noise.contentType, noise.metadata?.camera], ['image/png', 'none']);
    });
  }

  test('without rights on the source bucket, presigned addresses are found by themselves', async () => {
    const { code, last } = await sluice(
      config('none', { source: false }),
      'export',
      'lakefs://repo/main',
      join(folder, 'files'),
    );
    assert.deepEqual([code, last.report.via], [0, { presign: OBJECTS + 1 }]);
  });

  test('keys that may not read the source bucket: the next way is found by itself', async () => {
    const file = config('refused', { source: false });
    writeFileSync(file, readFileSync(file, 'utf8').replace('"s3://out"', '"s3://lake": out, "s3://out"'));
    const denied = { answer: { status: 403, code: 'AccessDenied', message: 'Access Denied.' } };
    proxy.rule({ method: 'PUT', path: '/out/refused/deep/', times: 1 }, denied);
    proxy.rule({ method: 'GET', path: '/lake/', times: 1_000_000 }, denied);
    const { code, last } = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/refused');
    proxy.clear();
    assert.equal(code, 0, JSON.stringify(last));
    assert.ok(last.report.via.presign > 0 && last.report.via.store === undefined);
    await same(file, 's3://out/refused');
  });

  test('a store that answers 503 and 500, cuts, and stalls gets everything all the same', async () => {
    // So many that chance alone never uses them up.
    const file = config('shaky', { s3: ', retries: 15' });
    proxy.rule(
      { method: 'PUT', path: '/out/shaky/', chance: 0.05, times: 40 },
      { answer: { status: 503, code: 'SlowDown' } },
    );
    proxy.rule({ method: 'PUT', path: '/out/shaky/', chance: 0.05, times: 40 }, { cutRequestAfter: 20 });
    proxy.rule({ method: 'PUT', path: '/out/shaky/', chance: 0.05, times: 40 }, { dropAnswer: true });
    proxy.rule({ path: /list-type=2/, times: 2 }, { answer: { status: 500, code: 'InternalError' } });
    proxy.rule({ path: /list-type=2/, times: 2 }, { cutAfter: 300 });
    const { code, last } = await sluice(
      file,
      'export',
      'lakefs://repo/main',
      's3://out/shaky',
      '--via',
      'store',
    );
    proxy.clear();
    assert.deepEqual([code, last.status], [0, 'SUCCESS'], JSON.stringify(last.report?.failures));
    await same(file, 's3://out/shaky');
  });

  test('a store that lies in an ETag, or stores other bytes, is never believed', async () => {
    const file = config('lies');
    const lie = { method: 'PUT', path: /out\/lies\/.*part-0000[1-3]/, times: 10_000 };
    proxy.rule(lie, { headers: { etag: '"00000000000000000000000000000000"' } });
    const lied = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/lies', '--via', 'store');
    proxy.clear();
    assert.deepEqual([lied.code, lied.last.status], [1, 'FAILED']);
    assert.ok(lied.last.report.failures.every((f: { item: string }) => /part-0000[1-3]/.test(f.item)));
    const mended = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/lies', '--via', 'store');
    assert.equal(mended.last.status, 'SUCCESS');

    proxy.rule({ method: 'PUT', path: /out\/rot\/.*part-00004/, times: 10_000 }, { corruptRequestAt: 3 });
    const rot = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/rot', '--via', 'store');
    proxy.clear();
    assert.deepEqual([rot.code, rot.last.report.objects.failed], [1, 1]);
    assert.match(rot.last.report.failures[0].item, /part-00004/);
  });

  test('a full store, a store without permission and wrong keys fail with the objects named', async () => {
    const file = config('full');
    proxy.rule(
      { method: 'PUT', path: /out\/full\/images/, times: 10_000 },
      {
        answer: {
          status: 507,
          code: 'XMinioStorageFull',
          message: 'Storage backend has reached its minimum free drive threshold.',
        },
      },
    );
    const full = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/full', '--via', 'store');
    proxy.clear();
    assert.equal(full.code, 1);
    assert.deepEqual(
      full.last.report.failures.map((f: { item: string; code: string }) => [f.item, f.code]).sort(),
      [
        ['images/empty.png', 'NO_SPACE'],
        ['images/noise.png', 'NO_SPACE'],
      ],
    );

    proxy.rule(
      { method: 'PUT', path: /out\/denied\/images/, times: 10_000 },
      { answer: { status: 403, code: 'AccessDenied', message: 'Access Denied.' } },
    );
    const denied = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/denied');
    proxy.clear();
    assert.deepEqual(
      [...new Set(denied.last.report.failures.map((f: { code: string }) => f.code))],
      ['ACCESS_DENIED'],
    );

    const wrong = await sluice(
      config('wrong', { secret: 'not-the-secret' }),
      'export',
      'lakefs://repo/main',
      's3://out/wrong',
    );
    assert.equal(wrong.code, 1);
    assert.ok(!JSON.stringify(wrong).includes('not-the-secret'));
  });

  test('credentials that run out in the middle: an honest failure, and the next run goes on', async () => {
    const file = config('expire');
    proxy.rule(
      { method: 'PUT', path: '/out/expire/', skip: 200, times: 1_000_000 },
      { answer: { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' } },
    );
    const expired = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/expire', '--via', 'store');
    proxy.clear();
    assert.equal(expired.code, 1);
    const again = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/expire', '--via', 'store');
    assert.equal(again.last.status, 'SUCCESS');
    assert.ok(again.last.report.objects.unchanged > 100);
    await same(file, 's3://out/expire');
  });

  test('killed at 20 moments, it loses nothing and copies little again', async () => {
    const file = config('killed');
    let copied = 0;
    proxy.rule({ method: 'PUT', path: '/out/killed/', times: 1_000_000 }, { delay: 15 });
    for (let i = 0; i < 20; i++) {
      const { child, ended } = start(file, [
        'export',
        'lakefs://repo/main',
        's3://out/killed',
        '--via',
        'store',
        '--concurrency',
        '8',
      ]);
      setTimeout(() => child.kill('SIGKILL'), 350 + i * 60);
      await ended;
    }
    copied = proxy.seen.filter((request) => /^PUT \/out\/killed\/(?!_sluice|EXPORT)/.test(request)).length;
    proxy.clear();
    const last = await sluice(file, 'export', 'lakefs://repo/main', 's3://out/killed', '--via', 'store');
    assert.equal(last.last.status, 'SUCCESS', JSON.stringify(last.last));
    await same(file, 's3://out/killed');
    // In flight at a kill: 8 objects, or the parts of a large one.
    assert.ok(copied <= OBJECTS + 20 * 20, `${copied} puts`);
  });

  test('Ctrl-C stops cleanly with a report and exit code 130', async () => {
    const file = config('interrupt');
    proxy.rule({ method: 'PUT', path: '/out/interrupt/', times: 1_000_000 }, { delay: 30 });
    const { child, ended } = start(file, [
      'export',
      'lakefs://repo/main',
      's3://out/interrupt',
      '--via',
      'store',
      '--concurrency',
      '4',
    ]);
    await until(() => proxy.seen.some((request) => request.startsWith('PUT /out/interrupt/deep/')));
    child.kill('SIGINT');
    const { code, last } = await ended;
    proxy.clear();
    assert.deepEqual([code, last.status, last.report.status], [130, 'CANCELED', 'CANCELED']);
    const resumed = await sluice(file, 'jobs', 'resume', last.id);
    assert.deepEqual([resumed.code, resumed.last.status], [0, 'SUCCESS']);
    await same(file, 's3://out/interrupt');
  });

  test("lakeFS's export script's arguments and environment do what they do there", async () => {
    const script = (...more: string[]) => {
      const args = ['src/main.ts', 'repo', 's3://out/script/', '--branch=main', ...more];
      const child = spawn(process.execPath, args, {
        stdio: 'ignore',
        env: {
          ...{ ...bareEnv(folder), SLUICE_STATE: join(folder, 'state-script') },
          ...{
            LAKEFS_ACCESS_KEY: lake.server.accessKeyId,
            LAKEFS_SECRET_KEY: lake.server.secretAccessKey,
            LAKEFS_ENDPOINT: lake.url,
          },
          ...{
            S3_ACCESS_KEY: minio.accessKeyId,
            S3_SECRET_KEY: minio.secretAccessKey,
            AWS_ENDPOINT: minio.endpoint,
            S3_PROVIDER: 'Minio',
          },
        },
      });
      return new Promise((resolve) => child.on('close', resolve));
    };
    assert.equal(await script(), 0);
    const markers: string[] = [];
    for await (const page of out.list({ prefix: 'script/EXPORT_' }))
      markers.push(...page.objects.map(({ key }) => key));
    assert.match(markers.join(), /^script\/EXPORT_main_\d\d-\d\d-\d{4}_\d\d:\d\d:\d\d_SUCCESS$/);
    // Any previous commit will do, as with the script: also one that the destination does not hold.
    const { parents } = lake.repository.resolve('main').commit;
    assert.equal(await script(`--prev_commit_id=${parents[0]}`), 0);
  });
});
