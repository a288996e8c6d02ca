/**
 * The configuration of the router's design as it is written there: three groups of mappings, each with an endpoint
 * and credentials of its own, and a default. Here they are three real servers behind one gateway.
 */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { openStores } from '../../src/app.ts';
import { connectionsOf } from '../../src/base/connections.ts';
import { createRoutedGateway } from '../../src/gateway/routed.ts';
import { parseRouting } from '../../src/router/load.ts';
import { createRouter } from '../../src/router/router.ts';
import { readAll } from '../../src/stores/read.ts';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { type S3Server, startMinio, startVersity } from './harness.ts';

const [lakefs, s3a1, minio] = await Promise.all([
  startVersity({ buckets: ['example-repo'] }),
  startMinio({ buckets: ['another-bucket', 'elsewhere'] }),
  startMinio({ buckets: ['another-minio-bucket'] }),
]);

const target = (scheme: string, server: S3Server): string => `
fs.${scheme}.impl=S3AFileSystem
fs.${scheme}.endpoint=${server.endpoint}
fs.${scheme}.access.key=${server.accessKeyId}
fs.${scheme}.secret.key=${server.secretAccessKey}
fs.${scheme}.path.style.access=true
`;

const config = parseRouting(
  `routerfs.mapping.lakefs.1.replace='^s3a://bucket/prefix'
routerfs.mapping.lakefs.1.with='lakefs://example-repo/dev/prefix'
routerfs.mapping.s3a1.1.replace='^s3a://bucket'
routerfs.mapping.s3a1.1.with='s3a1://another-bucket'
routerfs.mapping.minio.1.replace='^s3a://minio-bucket'
routerfs.mapping.minio.1.with='minio://another-minio-bucket'
routerfs.mapping.s3a-default.replace='^s3a://'
routerfs.mapping.s3a-default.with='s3a-default://'
fs.s3a.impl=RouterFileSystem
${target('lakefs', lakefs)}${target('s3a1', s3a1)}${target('minio', minio)}${target('s3a-default', s3a1)}
gateway.client.spark.access.key=AK
gateway.client.spark.secret.key=SK
gateway.client.spark.allow=s3a://=rwd
`,
  'routes.properties',
);
const open = await openStores(connectionsOf([...config.connections], { ...config.use }));
const gateway = createRoutedGateway(createRouter(config, open), {
  listen: [{ scheme: 's3a', host: '127.0.0.1', port: 0 }],
});
const [address] = await gateway.listen();

const storeOf = (endpoint: string, bucket: string, keys: { access: string; secret: string }): S3Store =>
  new S3Store(
    parseS3Connection({
      name: 'test',
      type: 's3',
      endpoint,
      region: 'us-east-1',
      path_style: true,
      access_key_id: keys.access,
      secret_access_key: keys.secret,
    }),
    bucket,
  );
const visible = (bucket: string) =>
  storeOf(`http://127.0.0.1:${address!.port}`, bucket, { access: 'AK', secret: 'SK' });
const real = (server: S3Server, bucket: string) =>
  storeOf(server.endpoint, bucket, { access: server.accessKeyId, secret: server.secretAccessKey });

after(async () => {
  await gateway.close(0);
  await open.close();
  await Promise.all([lakefs, s3a1, minio].map((server) => server.stop()));
});

it('sends each prefix to its own server, by its own credentials', async () => {
  for (const [bucket, key, server, realBucket, realKey] of [
    ['bucket', 'prefix/foo.parquet', lakefs, 'example-repo', 'dev/prefix/foo.parquet'],
    ['bucket', 'other/foo.parquet', s3a1, 'another-bucket', 'other/foo.parquet'],
    ['minio-bucket', 'a b/foo', minio, 'another-minio-bucket', 'a b/foo'],
    ['elsewhere', 'foo', s3a1, 'elsewhere', 'foo'],
  ] as const) {
    const content = `${bucket}/${key}`;
    await visible(bucket).put(key, Buffer.from(content));
    const { body } = await real(server, realBucket).get(realKey);
    assert.equal(String(await readAll(body)), content);
  }
});

it('shows the bucket as one, and copies from one server to another', async () => {
  const bucket = visible('bucket');
  await bucket.copyFrom(bucket, 'other/foo.parquet', 'prefix/copied');
  assert.equal((await real(lakefs, 'example-repo').head('dev/prefix/copied')).size, 24);
  const keys: string[] = [];
  for await (const page of bucket.list()) keys.push(...page.objects.map(({ key }) => key));
  assert.deepEqual(keys, ['other/foo.parquet', 'prefix/copied', 'prefix/foo.parquet']);
  assert.deepEqual(await bucket.deleteMany(keys), []);
  for await (const page of bucket.list()) assert.deepEqual(page.objects, []);
  for await (const page of real(lakefs, 'example-repo').list()) assert.deepEqual(page.objects, []);
});
