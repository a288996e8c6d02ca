import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { FileSystem } from '../../src/router/filesystem/filesystem.ts';
import { parseRouting } from '../../src/router/load.ts';
import { createRouter, type Router } from '../../src/router/router.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { storeProviders } from '../../src/stores/providers.ts';
import { readAll } from '../../src/stores/read.ts';
import type { Store } from '../../src/stores/store.ts';
import { type GcsServer, type S3Server, startFakeGcs, startMinio, startVersity } from './harness.ts';

/** The design's example, with a MinIO, another S3 and a Google Cloud Storage as targets. */
describe('a router over three real stores', () => {
  let minio: S3Server;
  let versity: S3Server;
  let gcs: GcsServer;
  let router: Router;
  let bucket: Store;
  let open: Awaited<ReturnType<typeof opener>>;

  const s3 = (scheme: string, server: S3Server, secret = server.secretAccessKey): string[] => [
    `fs.${scheme}.impl=S3AFileSystem`,
    `fs.${scheme}.endpoint=${server.endpoint}`,
    `fs.${scheme}.path.style.access=true`,
    `fs.${scheme}.access.key=${server.accessKeyId}`,
    `fs.${scheme}.secret.key=${secret}`,
  ];
  const lines = (): string[] => [
    "routerfs.mapping.cloud.1.replace='^s3a://bucket/prefix'",
    "routerfs.mapping.cloud.1.with='cloud://example-repo/dev/prefix'",
    "routerfs.mapping.s3a1.1.replace='^s3a://bucket'",
    "routerfs.mapping.s3a1.1.with='s3a1://another-bucket'",
    "routerfs.mapping.minio.1.replace='^s3a://minio-bucket'",
    "routerfs.mapping.minio.1.with='minio://another-minio-bucket'",
    "routerfs.mapping.s3a-default.replace='^s3a://'",
    "routerfs.mapping.s3a-default.with='s3a-default://'",
    'fs.s3a.impl=RouterFileSystem',
    'fs.cloud.impl=GoogleHadoopFileSystem',
    `fs.cloud.endpoint=${gcs.endpoint}`,
    ...s3('s3a1', versity),
    ...s3('minio', minio),
    ...s3('s3a-default', minio),
  ];
  async function opener(config: Router['config']) {
    return storeOpener(await storeProviders(), connectionsOf([...config.connections], { ...config.use }));
  }

  before(async () => {
    [minio, versity, gcs] = await Promise.all([
      startMinio({ buckets: ['another-minio-bucket', 'elsewhere'] }),
      startVersity({ buckets: ['another-bucket'] }),
      startFakeGcs({ buckets: ['example-repo'] }),
    ]);
    const config = parseRouting(lines().join('\n'), 'routes.properties', {});
    open = await opener(config);
    router = createRouter(config, open);
    bucket = await router.bucket('s3a', 'bucket');
  });
  after(async () => {
    await open?.close();
    await Promise.all([minio, versity, gcs].map((server) => server?.stop()));
  });

  const keys = async (store: Store, prefix = ''): Promise<string[]> => {
    const found: string[] = [];
    for await (const page of store.list({ prefix })) found.push(...page.objects.map(({ key }) => key));
    return found;
  };
  const target = async (uri: string, connection: string) => (await open(uri, { connection })).store;

  test('puts each key where it belongs, and lists all in one order', async () => {
    for (const key of ['a', 'prefix/ü %41', 'prefix2/x', 'preface', 'z/y']) {
      await bucket.put(key, Buffer.from(key));
    }
    await (await router.bucket('s3a', 'minio-bucket')).put('m', Buffer.from('m'));
    assert.deepEqual(await keys(bucket), ['a', 'preface', 'prefix/ü %41', 'prefix2/x', 'z/y']);
    assert.deepEqual(await keys(await target('gs://example-repo/', 'cloud')), [
      'dev/prefix/ü %41',
      'dev/prefix2/x',
    ]);
    assert.deepEqual(await keys(await target('s3://another-bucket/', 's3a1')), ['a', 'preface', 'z/y']);
    assert.deepEqual(await keys(await target('s3://another-minio-bucket/', 'minio')), ['m']);
    const { body } = await bucket.get('prefix/ü %41');
    assert.equal(String(await readAll(body)), 'prefix/ü %41');
  });

  test('skips what a mapping hides, also from the middle of a common prefix', async () => {
    const hidden = await target('s3://another-bucket/', 's3a1');
    for (const key of ['prefix/old', 'prefix-old', 'pre/x']) await hidden.put(key, Buffer.from('hidden'));
    const seen: string[] = [];
    for await (const page of bucket.list({ prefix: 'pre', delimiter: '/', startAfter: 'pre' })) {
      seen.push(...page.objects.map(({ key }) => key), ...page.prefixes);
    }
    assert.deepEqual(seen.sort(), ['pre/', 'preface', 'prefix/', 'prefix2/']);
    await hidden.deleteMany(['prefix/old', 'prefix-old', 'pre/x']);
  });

  test('renames and deletes directories across providers', async () => {
    const fs = FileSystem.overRouter(router, { scheme: 's3a', bucket: 'bucket' });
    for (let i = 0; i < 30; i++) {
      const file = await fs.create(`/prefix/table/part-${i}`);
      file.write(Buffer.alloc(10_000, i));
      await file.close();
    }
    await fs.mkdirs('/archive');
    assert.equal(await fs.rename('/prefix/table', '/archive'), true);
    assert.deepEqual(await fs.getContentSummary('/archive'), {
      length: 300_000,
      fileCount: 30,
      directoryCount: 2,
    });
    assert.equal((await keys(await target('s3://another-bucket/', 's3a1'), 'archive/table/')).length, 30);
    assert.deepEqual(await keys(bucket, 'prefix/table'), []);
    assert.equal(await fs.delete('/archive', true), true);
    assert.equal(await fs.exists('/archive'), false);
    await fs.delete('s3a://minio-bucket/m');
  });

  test('uploads in parts to the key’s target', async () => {
    const key = 's3-multi';
    const id = await bucket.multipart!.create(key);
    const first = await bucket.multipart!.uploadPart(key, id, 1, Buffer.alloc(5 * 1024 * 1024, 1));
    const second = await bucket.multipart!.uploadPart(key, id, 2, Buffer.from('end'));
    assert.equal((await bucket.multipart!.complete(key, id, [first, second])).size, 5 * 1024 * 1024 + 3);
    await bucket.delete(key);
  });

  test('check names the target whose credentials are wrong', async () => {
    const wrong = [
      ...lines().filter((line) => !line.startsWith('fs.minio.')),
      ...s3('minio', minio, 'wrong'),
    ];
    const config = parseRouting(wrong.join('\n'), 'routes.properties', {});
    const opened = await opener(config);
    const checks = await createRouter(config, opened).check({ write: true });
    await opened.close();
    assert.match(checks[1]!.message, /Check the credentials of connection "minio"/);
    assert.match(checks[3]!.message, /no such bucket/);
    assert.deepEqual(
      checks.map(({ name, result }) => `${name} ${result}`),
      ['mapping cloud.1 ok', 'mapping minio.1 failed', 'mapping s3a1.1 ok', 'default of s3a:// ok'],
    );
  });
});
