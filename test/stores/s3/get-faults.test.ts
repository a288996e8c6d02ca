import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAll } from '../../../src/stores/read.ts';
import { bytesOf, faultSetup } from './fault-cases.ts';

const setup = faultSetup();
const content = bytesOf(600_000);
const given = () => setup.tiny.objects.set('bucket/a', content);
const read = async (store = setup.store) => readAll((await store.get('a')).body);

test('a body goes on where its connection was cut, as often as it takes', async () => {
  given();
  const first = setup.proxy.rule({ method: 'GET', times: 8 }, { cutAfter: 70_000 });
  assert.ok((await read()).equals(content));
  assert.equal(first.hits, 8);
});

test('a range goes on inside the range', async () => {
  given();
  setup.proxy.rule({ method: 'GET' }, { cutAfter: 100_000 });
  const { body, range, info } = await setup.store.get('a', { range: { start: 50_000, end: 400_000 } });
  assert.deepEqual(range, { start: 50_000, end: 400_000 });
  assert.equal(info.size, content.length);
  assert.ok((await readAll(body)).equals(content.subarray(50_000, 400_001)));
});

test('a body never goes on with the bytes of another object', async () => {
  given();
  setup.proxy.rule({ method: 'GET' }, { cutAfter: 70_000 });
  const { body } = await setup.store.get('a');
  setup.tiny.objects.set('bucket/a', bytesOf(600_001));
  await assert.rejects(readAll(body), { code: 'PRECONDITION_FAILED' });
});

test('a body that never comes further fails with CONNECTION', async () => {
  given();
  setup.proxy.rule({ method: 'GET', times: 1 }, { cutAfter: 70_000 });
  setup.proxy.rule({ method: 'GET', skip: 1, times: 100 }, { refuse: true });
  await assert.rejects(read(), { code: 'CONNECTION' });
});

test('silence in the middle is a break as well', async () => {
  given();
  const store = setup.open({ timeout: 300 });
  setup.proxy.rule({ method: 'GET' }, { stallAfter: 70_000 });
  assert.ok((await read(store)).equals(content));
});

test('silence before the answer is a break as well', async () => {
  given();
  const store = setup.open({ timeout: 300 });
  const rule = setup.proxy.rule({ method: 'GET' }, { hang: true });
  assert.ok((await read(store)).equals(content));
  assert.equal(rule.hits, 1);
});

test('an answer with fewer bytes than the range it names is asked for again', async () => {
  given();
  const rule = setup.proxy.rule({ method: 'GET' }, { truncateTo: 1000 });
  const { body } = await setup.store.get('a', { range: { start: 0, end: 9_999 } });
  assert.ok((await readAll(body)).equals(content.subarray(0, 10_000)));
  assert.equal(rule.hits, 1);
});

test('an answer with fewer bytes for good is CORRUPT', async () => {
  given();
  setup.proxy.rule({ method: 'GET', times: 100 }, { truncateTo: 1000 });
  await assert.rejects(setup.store.get('a', { range: { start: 0, end: 9_999 } }), { code: 'CORRUPT' });
});

for (const [status, code] of [
  [503, 'SlowDown'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [400, 'RequestTimeout'],
  [429, undefined],
] as const) {
  test(`${status} ${code ?? ''} is tried again`, async () => {
    given();
    const rule = setup.proxy.rule(
      { method: 'GET', times: 3 },
      { answer: code === undefined ? { status } : { status, code } },
    );
    assert.ok((await read()).equals(content));
    assert.equal(rule.hits, 3);
  });
}

test('errors that last come out with code, key and the provider’s words', async () => {
  setup.proxy.rule(
    { times: 100 },
    { answer: { status: 503, code: 'SlowDown', headers: { 'x-amz-request-id': 'R1' } } },
  );
  await assert.rejects(setup.store.head('some key').then(), { code: 'UNAVAILABLE', status: 503 });
  await assert.rejects(setup.store.get('some key'), {
    code: 'THROTTLED',
    providerCode: 'SlowDown',
    requestId: 'R1',
    key: 'some key',
    store: 's3://bucket',
    retryable: true,
  });
});

test('what will not change is asked once', async () => {
  const rule = setup.proxy.rule({ times: 100 }, { answer: { status: 403, code: 'AccessDenied' } });
  await assert.rejects(setup.store.get('a'), { code: 'ACCESS_DENIED' });
  await assert.rejects(setup.store.head('a'), { code: 'ACCESS_DENIED' });
  assert.equal(rule.hits, 2);
});

test('a body that is left early closes its connection and nothing else', async () => {
  given();
  for (let i = 0; i < 10; i++) {
    const { body } = await setup.store.get('a');
    body.destroy();
  }
  assert.ok((await read()).equals(content));
});
