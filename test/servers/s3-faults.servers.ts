/** The S3 Store on real servers where they differ from one another, and where the network is bad. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { readAll } from '../../src/stores/read.ts';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type S3Server, startMinio, startVersity } from './harness.ts';

function storeOn(server: S3Server, bucket: string, settings: Record<string, unknown> = {}): S3Store {
  const connection = {
    name: 'server',
    type: 's3',
    endpoint: server.endpoint,
    region: server.region,
    access_key_id: server.accessKeyId,
    secret_access_key: server.secretAccessKey,
    multipart_threshold: '6MiB',
    part_size: '5MiB',
    copy_threshold: '6MiB',
    copy_part_size: '5MiB',
    ...settings,
  };
  return new S3Store(parseS3Connection(connection), bucket);
}

function content(index: number): Buffer {
  const size = index % 40 === 0 ? 7_000_000 : 200 + ((index * 7919) % 30_000);
  return Buffer.alloc(size, `object ${index} `);
}

describe('a MinIO behind a bad network', () => {
  let server: S3Server;
  let proxy: FaultProxy;
  before(async () => {
    server = await startMinio({ buckets: ['one', 'two'] });
    proxy = await startFaultProxy(server.endpoint);
  });
  after(async () => {
    await proxy?.stop();
    await server?.stop();
  });

  test('everything arrives, is copied, listed and read back right', async () => {
    const faults: Fault[] = [
      { refuse: true },
      { cutAfter: 100 },
      { cutAfter: 20_000 },
      { cutRequestAfter: 5000 },
      { dropAnswer: true },
      { delay: 30 },
      { answer: { status: 503, code: 'SlowDown' } },
      { answer: { status: 500, code: 'InternalError' } },
    ];
    const rules = faults.map((fault) => proxy.rule({ chance: 0.04, times: 1e9 }, fault));
    const one = storeOn({ ...server, endpoint: proxy.endpoint }, 'one', { retries: 12 });
    const two = storeOn({ ...server, endpoint: proxy.endpoint }, 'two', { retries: 12 });
    const indexes = Array.from({ length: 120 }, (_, index) => index);
    const each = async (work: (index: number) => Promise<unknown>) => {
      const left = indexes.values();
      const worker = async () => {
        for (const index of left) await work(index);
      };
      await Promise.all(Array.from({ length: 16 }, worker));
    };
    await each(async (index) => {
      const bytes = content(index);
      const body = index % 2 === 0 ? bytes : async () => Readable.from([bytes], { objectMode: false });
      const info = await one.put(`key ${index}`, body, { size: bytes.length });
      assert.equal(info.size, bytes.length);
    });
    await each((index) => two.copyFrom(one, `key ${index}`, `key ${index}`, { size: content(index).length }));
    const seen = new Map<string, number>();
    for await (const page of two.list({ pageSize: 17 })) {
      for (const { key, size } of page.objects) seen.set(key, size);
    }
    assert.equal(seen.size, indexes.length);
    await each(async (index) => {
      assert.equal(seen.get(`key ${index}`), content(index).length);
      const { body } = await two.get(`key ${index}`);
      assert.ok((await readAll(body)).equals(content(index)));
    });
    assert.deepEqual(await one.deleteMany(indexes.map((index) => `key ${index}`)), []);
    for await (const page of one.list()) assert.equal(page.objects.length, 0);
    for (const rule of rules) assert.ok(rule.hits > 0);
    await one.close();
    await two.close();
  });
});

describe('objects under a KMS key', () => {
  let server: S3Server;
  before(async () => {
    server = await startMinio({
      buckets: ['keyed'],
      env: { MINIO_KMS_SECRET_KEY: 'test-key:bXktc2VjcmV0LWtleS1vZi0zMi1ieXRlcy1sb25nISE=' },
    });
  });
  after(async () => server?.stop());

  test('have ETags that are not shown as an MD5', async () => {
    const writer = storeOn(server, 'keyed', { sse: 'aws:kms', sse_kms_key_id: 'test-key' });
    const put = await writer.put('a', Buffer.from('hello'));
    assert.equal(put.md5, undefined);
    const reader = storeOn(server, 'keyed');
    assert.equal((await reader.head('a')).md5, undefined);
    for await (const page of reader.list()) {
      assert.deepEqual(
        page.objects.map(({ key, md5 }) => [key, md5]),
        [['a', undefined]],
      );
    }
    assert.equal((await readAll((await reader.get('a')).body)).toString(), 'hello');
    await writer.close();
    await reader.close();
  });
});

describe('a Versity gateway', () => {
  let server: S3Server;
  before(async () => {
    server = await startVersity({ buckets: ['one', 'two'] });
  });
  after(async () => server?.stop());

  test('takes what the store sends: keys, properties, parts, copies, conditions, batches', async () => {
    const one = storeOn(server, 'one');
    const two = storeOn(server, 'two');
    const large = content(40);
    await one.put('folder/a b+c%41ü😀', Buffer.from('x'), {
      contentType: 'text/x',
      metadata: { Colour: 'blue' },
    });
    await one.put('large', Readable.from([large], { objectMode: false }));
    await one.put('once', Buffer.from('1'), { ifNoneMatch: '*' });
    await assert.rejects(one.put('once', Buffer.from('2'), { ifNoneMatch: '*' }), {
      code: 'PRECONDITION_FAILED',
    });
    const keys: string[] = [];
    for await (const page of one.list({ pageSize: 2 })) keys.push(...page.objects.map(({ key }) => key));
    assert.deepEqual(keys, ['folder/a b+c%41ü😀', 'large', 'once']);
    for (const key of keys) await two.copyFrom(one, key, key);
    assert.ok((await readAll((await two.get('large')).body)).equals(large));
    const info = await two.head('folder/a b+c%41ü😀');
    assert.equal(info.contentType, 'text/x');
    assert.deepEqual(info.metadata, { colour: 'blue' });
    const answer = await fetch(await two.presign('once', { method: 'GET', expires: 60 }));
    assert.equal(await answer.text(), '1');
    assert.deepEqual(await two.deleteMany(keys), []);
    for await (const page of two.list()) assert.equal(page.objects.length, 0);
    await one.close();
    await two.close();
  });
});
