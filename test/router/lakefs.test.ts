import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { lakefsProvider } from '../../src/lake/store/provider.ts';
import { FileSystem } from '../../src/router/filesystem/filesystem.ts';
import { parseRouting } from '../../src/router/load.ts';
import { createRouter, type Router } from '../../src/router/router.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { storeProviders } from '../../src/stores/providers.ts';
import { readAll } from '../../src/stores/read.ts';
import type { Store } from '../../src/stores/store.ts';
import { listed } from './model.ts';

const configured = (impl: string, lake: { url: string; accessKey: string; secretKey: string }) => {
  const config = parseRouting(
    [
      "routerfs.mapping.lakefs.1.replace='^s3a://bucket/prefix'",
      "routerfs.mapping.lakefs.1.with='lakefs://example-repo/dev/prefix'",
      "routerfs.mapping.s3a-default.replace='^s3a://'",
      "routerfs.mapping.s3a-default.with='s3a-default://'",
      'fs.s3a.impl=RouterFileSystem',
      `fs.lakefs.impl=${impl}`,
      'fs.s3a-default.impl=S3AFileSystem',
      `fs.lakefs.endpoint=${lake.url}`,
      `fs.lakefs.access.key=${lake.accessKey}`,
      `fs.lakefs.secret.key=${lake.secretKey}`,
    ].join('\n'),
    'routes.properties',
    {},
  );
  // What is not mapped lies in this process, so that the test needs no other server.
  const connections = config.connections.map((connection) =>
    connection.name === 's3a-default' ? { name: 's3a-default', type: 'memory' } : connection,
  );
  return { ...config, connections };
};

describe("lakeFS's own file system as a target", () => {
  let lake: SampleLake;
  let router: Router;
  let bucket: Store;
  let close: () => Promise<void>;

  before(async () => {
    lake = await createSampleLake({ repository: 'example-repo' });
    lake.branch('dev');
    const { accessKeyId: accessKey, secretAccessKey: secretKey } = lake.server;
    const config = configured('io.lakefs.LakeFSFileSystem', {
      url: `${lake.url}/api/v1`,
      accessKey,
      secretKey,
    });
    const providers = [lakefsProvider, ...(await storeProviders())];
    const open = storeOpener(providers, connectionsOf(config.connections, { ...config.use }));
    close = () => open.close();
    router = createRouter(config, open);
    bucket = await router.bucket('s3a', 'bucket');
  });
  after(async () => {
    await close?.();
    await lake?.close();
  });

  test('holds what is mapped to it, beside what is not', async () => {
    await lake.put('dev', 'prefix/from-lake', 'written in the lake');
    await bucket.put('prefix/ü %41.txt', Buffer.from('through the router'), { contentType: 'text/plain' });
    await bucket.put('zoo', Buffer.from('not mapped'));
    assert.deepEqual(await listed(bucket, {}), ['=prefix/from-lake', '=prefix/ü %41.txt', '=zoo']);
    assert.deepEqual(await listed(bucket, { delimiter: '/' }), ['>prefix/', '=zoo']);
    const { info, body } = await bucket.get('prefix/ü %41.txt');
    assert.equal(String(await readAll(body)), 'through the router');
    assert.deepEqual([info.key, info.contentType], ['prefix/ü %41.txt', 'text/plain']);
    assert.ok(lake.repository.branch('dev').staged.has('prefix/ü %41.txt'));
    assert.equal(lake.repository.branch('main').staged.size, 0);
    await bucket.deleteMany(['prefix/from-lake', 'prefix/ü %41.txt', 'zoo']);
    assert.deepEqual(await listed(bucket, {}), []);
  });

  test('takes part in a FileSystem: rename across targets, recursive delete', async () => {
    const fs = FileSystem.overRouter(router, { scheme: 's3a', bucket: 'bucket' });
    for (const name of ['1', '2', 'deep/3']) {
      const file = await fs.create(`/incoming/table/${name}`);
      file.write(`content of ${name}`);
      await file.close();
    }
    await fs.mkdirs('/prefix');
    assert.equal(await fs.rename('/incoming/table', '/prefix/table'), true);
    assert.deepEqual(await fs.getContentSummary('/prefix/table'), {
      length: 41,
      fileCount: 3,
      directoryCount: 2,
    });
    const file = await fs.open('/prefix/table/deep/3');
    assert.equal(String(await readAll(await file.stream(8))), 'of deep/3');
    assert.equal(await fs.rename('/prefix/table/1', '/prefix/table/one'), true);
    assert.equal(await fs.delete('/prefix/table', true), true);
    assert.deepEqual(await listed(bucket, { prefix: 'prefix/' }), ['=prefix/']);
  });

  test('check finds wrong credentials', async () => {
    const { accessKeyId: accessKey, secretAccessKey: secretKey } = lake.server;
    const right = await router.check({ write: true });
    assert.deepEqual(
      right.map(({ result }) => result),
      ['ok', 'ok'],
    );
    const config = configured('LakeFSFileSystem', { url: lake.url, accessKey, secretKey: `${secretKey}x` });
    const open = storeOpener(
      [lakefsProvider, ...(await storeProviders())],
      connectionsOf(config.connections),
    );
    const [wrong] = await createRouter(config, open).check();
    assert.equal(wrong?.result, 'failed');
    assert.match(wrong?.message ?? '', /Check the credentials of connection "lakefs"/);
    await open.close();
  });
});

test('lakeFS through its S3 gateway: the repository is the bucket of an S3 connection', () => {
  const lake = { url: 'http://127.0.0.1:8000', accessKey: 'AK', secretKey: 'SK' };
  const config = configured('S3AFileSystem', lake);
  const router = createRouter(config, async () => assert.fail('nothing is opened to explain'));
  const found = router.explain('s3a://bucket/prefix/a b');
  assert.equal(found.target, 'lakefs://example-repo/dev/prefix/a b');
  assert.equal(found.opened, 's3://example-repo/dev/prefix/a b');
  assert.deepEqual(
    config.connections.find(({ name }) => name === found.connection),
    {
      name: 'lakefs',
      type: 's3',
      endpoint: 'http://127.0.0.1:8000',
      access_key_id: 'AK',
      secret_access_key: 'SK',
    },
  );
});
