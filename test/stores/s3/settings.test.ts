import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from '../../../src/stores/s3/address.ts';
import { s3Provider } from '../../../src/stores/s3/provider.ts';
import { parseS3Connection } from '../../../src/stores/s3/settings.ts';

const connection = (settings: Record<string, unknown>) =>
  parseS3Connection({ name: 'minio', type: 's3', ...settings }, {});

test('everything has a sensible default, and the chain gives the credentials', () => {
  const settings = parseS3Connection(undefined, {});
  assert.deepEqual(settings.credentials, { kind: 'chain' });
  assert.equal(settings.endpoint, undefined);
  assert.equal(settings.region, 'us-east-1');
});

test('the environment speaks where no connection does', () => {
  const settings = parseS3Connection(undefined, {
    AWS_ENDPOINT_URL: 'http://general:1',
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000/',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AK',
    AWS_SECRET_ACCESS_KEY: 'SK',
    AWS_SESSION_TOKEN: 'ST',
  });
  assert.equal(settings.endpoint, 'http://127.0.0.1:9000');
  assert.equal(settings.region, 'eu-west-1');
  assert.deepEqual(settings.credentials, {
    kind: 'static',
    accessKeyId: 'AK',
    secretAccessKey: 'SK',
    sessionToken: 'ST',
  });
});

test('settings may be text, sizes have units', () => {
  const settings = connection({
    endpoint: 'minio.example.com:9000',
    path_style: 'false',
    connections: '8',
    part_size: '64MiB',
    timeout: '1.5',
    anonymous: true,
    retries: 0,
    sse: 'aws:kms',
    sse_kms_key_id: 'k',
  });
  assert.equal(settings.endpoint, 'https://minio.example.com:9000');
  assert.equal(settings.pathStyle, false);
  assert.equal(settings.connections, 8);
  assert.equal(settings.partSize, 64 * 1024 * 1024);
  assert.equal(settings.timeout, 1500);
  assert.equal(settings.retry.attempts, 1);
  assert.deepEqual(settings.sse, { algorithm: 'aws:kms', kmsKeyId: 'k' });
  assert.deepEqual(settings.credentials, { kind: 'anonymous' });
});

test('what is wrong is named, with its connection, and never a secret', () => {
  for (const [settings, says] of [
    [{ acces_key_id: 'AK' }, /acces_key_id is no setting/],
    [{ access_key_id: 'AK' }, /secret_access_key is missing/],
    [{ secret_access_key: 'hush' }, /access_key_id is missing/],
    [{ part_size: '1 MiB' }, /part_size must be at least/],
    [{ part_size: 'big' }, /part_size/],
    [{ connections: 0 }, /connections/],
    [{ path_style: 'yes' }, /path_style must be true or false/],
    [{ endpoint: 'ftp://x y' }, /endpoint must be an address/],
    [{ endpoint: 'http://user:hush@host' }, /endpoint must be an address/],
    [{ sse: 'rot13' }, /sse must be/],
    [{ timeout: -1 }, /timeout/],
    [{ ca: '/nowhere/ca.pem' }, /ca names/],
  ] as const) {
    assert.throws(
      () => connection(settings),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'BAD_CONFIG');
        assert.match(error.message, says);
        assert.match(error.message, /"minio"/);
        assert.doesNotMatch(error.message, /hush/);
        return true;
      },
    );
  }
});

test('buckets are found by host or by path', () => {
  const at = (settings: Record<string, unknown>, bucket = 'bucket') => {
    const { origin, host, root } = addressOf(connection(settings), bucket);
    return [origin, host, root];
  };
  assert.deepEqual(at({ region: 'eu-west-1' }), [
    'https://bucket.s3.eu-west-1.amazonaws.com',
    'bucket.s3.eu-west-1.amazonaws.com',
    '',
  ]);
  assert.deepEqual(at({ region: 'cn-north-1' }, 'a.b'), [
    'https://s3.cn-north-1.amazonaws.com.cn',
    's3.cn-north-1.amazonaws.com.cn',
    '/a.b',
  ]);
  assert.deepEqual(at({ endpoint: 'http://127.0.0.1:9000' }), [
    'http://127.0.0.1:9000',
    '127.0.0.1:9000',
    '/bucket',
  ]);
  assert.deepEqual(at({ endpoint: 'https://host/storage/v1/s3/' }), [
    'https://host',
    'host',
    '/storage/v1/s3/bucket',
  ]);
  assert.deepEqual(at({ endpoint: 'https://s3.example.com', path_style: false }), [
    'https://bucket.s3.example.com',
    'bucket.s3.example.com',
    '',
  ]);
  assert.throws(() => at({}, 'no/bucket'), { code: 'BAD_URI' });
});

test('a URI is a bucket and a key, which stands as it is', () => {
  assert.deepEqual(s3Provider.locate('s3://bucket/a b/%41?x#y', undefined), {
    container: 'bucket',
    path: 'a b/%41?x#y',
  });
  assert.deepEqual(s3Provider.locate('s3a://bucket', undefined), { container: 'bucket', path: '' });
  assert.throws(() => s3Provider.locate('s3://', undefined), { code: 'BAD_URI' });
  assert.throws(() => s3Provider.locate('s3:///key', undefined), { code: 'BAD_URI' });
});

test('a bucket can be copied from with the same endpoint and credentials only', async () => {
  const open = (bucket: string, settings: Record<string, unknown> = {}) =>
    s3Provider.open(bucket, {
      name: 'x',
      type: 's3',
      endpoint: 'http://127.0.0.1:1',
      access_key_id: 'AK',
      secret_access_key: 'SK',
      ...settings,
    });
  const store = await open('one');
  assert.ok(store.canCopyFrom(store));
  assert.ok(store.canCopyFrom(await open('two')));
  assert.ok(!store.canCopyFrom(await open('two', { endpoint: 'http://127.0.0.1:2' })));
  assert.ok(!store.canCopyFrom(await open('two', { access_key_id: 'OTHER' })));
  assert.doesNotMatch(JSON.stringify([store.name, store.capabilities]), /SK/);
});
