import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAll } from '../../../src/stores/read.ts';
import { bytesOf, faultSetup } from './fault-cases.ts';

const setup = faultSetup();

async function listedKeys(pageSize: number): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of setup.store.list({ pageSize })) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

test('a listing is complete and in order whatever happens to its pages', async () => {
  const keys = Array.from({ length: 950 }, (_, i) => `k${String(i).padStart(4, '0')}`);
  for (const key of keys) setup.tiny.objects.set(`bucket/${key}`, Buffer.from(key));
  const match = { method: 'GET', path: 'list-type', skip: 1 };
  for (const fault of [
    { cutAfter: 5000 },
    { refuse: true },
    { answer: { status: 503, code: 'SlowDown' } },
    { answer: { status: 200, body: '<html>please sign in</html>' } },
    { truncateTo: 4000 },
    { rewrite: (body: Buffer) => body.toString().replace(/<NextContinuationToken>.*?<\/N.*?>/, '') },
  ]) {
    const rule = setup.proxy.rule(match, fault);
    assert.deepEqual(await listedKeys(200), keys);
    assert.equal(rule.hits, 1);
    rule.remove();
  }
});

test('keys that a batch could not delete are tried again, and given with their reason', async () => {
  for (const key of ['a', 'b', 'c']) setup.tiny.objects.set(`bucket/${key}`, Buffer.from(key));
  const failed = (code: string) => () =>
    `<DeleteResult><Error><Key>b</Key><Code>${code}</Code><Message>m</Message></Error></DeleteResult>`;
  const once = setup.proxy.rule({ method: 'POST' }, { rewrite: failed('InternalError') });
  assert.deepEqual(await setup.store.deleteMany(['a', 'b', 'c']), []);
  assert.equal(once.hits, 1);
  setup.proxy.rule({ method: 'POST' }, { rewrite: failed('AccessDenied') });
  const failures = await setup.store.deleteMany(['a', 'b', 'c']);
  assert.deepEqual(
    failures.map(({ key, error }) => [key, (error as Error & { code: string }).code]),
    [['b', 'ACCESS_DENIED']],
  );
});

test('a store without batches deletes one by one', async () => {
  for (const key of ['a', 'b']) setup.tiny.objects.set(`bucket/${key}`, Buffer.from(key));
  setup.proxy.rule({ method: 'POST' }, { answer: { status: 501, code: 'NotImplemented' } });
  assert.deepEqual(await setup.store.deleteMany(['a', 'b', 'gone', 'bell\u0007']), []);
  assert.equal(setup.tiny.objects.size, 0);
});

test('the region that a bucket is in is learned once and kept', async () => {
  setup.tiny.objects.set('bucket/a', Buffer.from('x'));
  const store = setup.open();
  const rule = setup.proxy.rule(
    { times: 100 },
    {
      answer: {
        status: 400,
        code: 'AuthorizationHeaderMalformed',
        headers: { 'x-amz-bucket-region': 'eu-central-1' },
      },
    },
  );
  await assert.rejects(store.get('a'), { code: 'BAD_CONFIG' });
  assert.equal(rule.hits, 2);
  setup.proxy.clear();
  assert.match(await store.presign('a', { method: 'GET', expires: 60 }), /%2Feu-central-1%2Fs3%2F/);
  assert.equal((await store.head('a')).size, 1);
});

test('a clock that is wrong is put right by the server’s', async () => {
  setup.tiny.objects.set('bucket/a', Buffer.from('x'));
  const store = setup.open();
  const tomorrow = new Date(Date.now() + 86_400_000);
  setup.proxy.rule(
    {},
    {
      answer: { status: 403, code: 'RequestTimeTooSkewed', headers: { date: tomorrow.toUTCString() } },
    },
  );
  await (await store.get('a')).body.resume();
  const day = tomorrow.toISOString().slice(0, 10).replaceAll('-', '');
  assert.match(await store.presign('a', { method: 'GET', expires: 60 }), new RegExp(`X-Amz-Date=${day}T`));
});

test('credentials that expired are fetched anew from the AWS chain', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'credentials.mjs');
  writeFileSync(
    program,
    `import { appendFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(join(folder, 'calls'))}, 'x');
     console.log(JSON.stringify({ Version: 1, AccessKeyId: 'AK', SecretAccessKey: 'SK', SessionToken: 'T',
       Expiration: new Date(Date.now() + 3600_000).toISOString() }));`,
  );
  writeFileSync(
    join(folder, 'config'),
    `[profile changing]\ncredential_process = ${process.execPath} ${program}\n`,
  );
  const before = { ...process.env };
  process.env.AWS_CONFIG_FILE = join(folder, 'config');
  process.env.AWS_SHARED_CREDENTIALS_FILE = join(folder, 'none');
  t.after(() => {
    process.env = before;
  });
  setup.tiny.objects.set('bucket/a', bytesOf(100));
  const store = setup.open({ credentials: { kind: 'chain', profile: 'changing' } });
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').length;
  assert.equal((await store.head('a')).size, 100);
  assert.equal((await store.head('a')).size, 100);
  assert.equal(calls(), 1);
  setup.proxy.rule({}, { answer: { status: 400, code: 'ExpiredToken' } });
  assert.ok((await readAll((await store.get('a')).body)).equals(bytesOf(100)));
  assert.equal(calls(), 2);
});

test('credentials that cannot be had are UNAUTHENTICATED, with what to do', async (t) => {
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_CONFIG_FILE: '/nonexistent',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  });
  t.after(() => {
    process.env = before;
  });
  const store = setup.open({ credentials: { kind: 'chain', profile: 'nobody' } });
  await assert.rejects(store.head('a'), (error: Error & { code: string }) => {
    assert.equal(error.code, 'UNAUTHENTICATED');
    assert.match(error.message, /access_key_id/);
    return true;
  });
});

test('Retry-After is waited for', async () => {
  setup.tiny.objects.set('bucket/a', Buffer.from('x'));
  setup.proxy.rule({}, { answer: { status: 503, code: 'SlowDown', headers: { 'retry-after': '86400' } } });
  // A day is more than the policy's deadline, so the error comes out at once.
  await assert.rejects(setup.store.get('a'), { code: 'THROTTLED', retryAfter: 86_400_000 });
});

test('no listener stays on a signal that outlives its requests', async () => {
  setup.tiny.objects.set('bucket/a', bytesOf(1000));
  const { signal } = new AbortController();
  for (let i = 0; i < 5; i++) {
    await readAll((await setup.store.get('a', { signal })).body);
    await setup.store.put('b', bytesOf(10), { signal });
    await setup.store.head('b', { signal });
    for await (const _ of setup.store.list({ signal }));
    await assert.rejects(setup.store.head('nothing', { signal }));
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('closing a store ends what is under way with CANCELED', async () => {
  const store = setup.open();
  setup.proxy.rule({ times: 2 }, { hang: true });
  const waiting = store.head('a');
  while (setup.proxy.seen.at(-1) !== 'HEAD /bucket/a') await new Promise(setImmediate);
  await store.close();
  await assert.rejects(waiting, { code: 'CANCELED' });
  await assert.rejects(store.get('a'), { code: 'CANCELED' });
});
