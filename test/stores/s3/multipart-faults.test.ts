import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { until } from '../../support/until.ts';
import { bytesOf, faultSetup } from './fault-cases.ts';

const setup = faultSetup();
const content = bytesOf(12_000_000);
const stream = () =>
  Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += 100_003) yield content.subarray(at, at + 100_003);
    })(),
    { objectMode: false },
  );
const stored = () => setup.tiny.objects.get('bucket/a');

test('parts that broke are sent again, one by one, from a stream that can be read once', async () => {
  const cut = setup.proxy.rule(
    { method: 'PUT', path: 'partNumber=1', times: 2 },
    { cutRequestAfter: 100_000 },
  );
  const busy = setup.proxy.rule(
    { method: 'PUT', path: 'partNumber=2', times: 2 },
    { answer: { status: 503, code: 'SlowDown' } },
  );
  const lost = setup.proxy.rule({ method: 'PUT', path: 'partNumber=3' }, { dropAnswer: true });
  const info = await setup.store.put('a', stream());
  assert.ok(stored()!.equals(content));
  assert.equal(info.size, content.length);
  assert.deepEqual([cut.hits, busy.hits, lost.hits], [2, 2, 1]);
});

test('an upload that fails is given up and leaves nothing behind', async () => {
  setup.proxy.rule(
    { method: 'PUT', path: 'partNumber=2', times: 9 },
    { answer: { status: 403, code: 'AccessDenied' } },
  );
  const source = stream();
  await assert.rejects(setup.store.put('a', source), { code: 'ACCESS_DENIED' });
  assert.equal(stored(), undefined);
  assert.equal(setup.tiny.uploads.size, 0);
  assert.ok(source.destroyed);
});

test('a source that breaks between parts is opened again when it can be', async () => {
  let opened = 0;
  const body = async () => {
    if (opened++ > 0) return stream();
    return Readable.from(
      (async function* () {
        yield content.subarray(0, 6_000_000);
        const { StoreError } = await import('../../../src/stores/errors.ts');
        throw new StoreError('CONNECTION', 'The source broke.', { store: 'x' });
      })(),
      { objectMode: false },
    );
  };
  await setup.store.put('a', body, { size: content.length });
  assert.equal(opened, 2);
  assert.ok(stored()!.equals(content));
  assert.equal(setup.tiny.uploads.size, 0);
});

test('an error inside an answer of 200 is an error', async () => {
  const rule = setup.proxy.rule(
    { method: 'POST', path: 'uploadId=' },
    { answer: { status: 200, code: 'InternalError' } },
  );
  await setup.store.put('a', stream());
  assert.equal(rule.hits, 1);
  assert.ok(stored()!.equals(content));
});

test('a completion whose answer was lost is known as done', async () => {
  const rule = setup.proxy.rule({ method: 'POST', path: 'uploadId=' }, { dropAnswer: true });
  const info = await setup.store.put('a', stream());
  assert.equal(rule.hits, 1);
  assert.match(info.etag!, /-3$/);
  assert.ok(stored()!.equals(content));
});

test('cancelling stops an upload and leaves nothing behind', async () => {
  const silent = setup.proxy.rule({ method: 'PUT', path: 'partNumber=2', times: 9 }, { hang: true });
  const stop = new AbortController();
  setup.proxy.rule({ method: 'PUT', path: 'partNumber=3' }, { refuse: true });
  const put = setup.store.put('a', stream(), { signal: stop.signal });
  const refused = assert.rejects(put, { code: 'CANCELED' });
  await until(() => silent.hits > 0);
  stop.abort();
  await refused;
  assert.equal(stored(), undefined);
  assert.equal(setup.tiny.uploads.size, 0);
});

test('copies survive errors, also those inside an answer of 200', async () => {
  setup.tiny.objects.set('bucket/small', bytesOf(1000));
  for (const fault of [
    { refuse: true },
    { dropAnswer: true },
    { answer: { status: 200, code: 'InternalError' } },
    { answer: { status: 200, body: '' } },
    { answer: { status: 503, code: 'SlowDown' } },
  ]) {
    setup.tiny.objects.delete('bucket/a');
    const rule = setup.proxy.rule({ method: 'PUT' }, fault);
    const info = await setup.store.copyFrom(setup.store, 'small', 'a', { size: 1000 });
    assert.equal(rule.hits, 1);
    assert.equal(info.size, 1000);
    assert.ok(stored()!.equals(bytesOf(1000)));
  }
  setup.proxy.rule({ method: 'PUT' }, { answer: { status: 200, code: 'AccessDenied' } });
  await assert.rejects(setup.store.copyFrom(setup.store, 'small', 'b', { size: 1000 }), {
    code: 'ACCESS_DENIED',
  });
});

test('large copies go by parts, and are given up when a part fails', async () => {
  setup.tiny.objects.set('bucket/large', content);
  const rule = setup.proxy.rule(
    { method: 'PUT', path: 'partNumber=2', times: 2 },
    { answer: { status: 500, code: 'InternalError' } },
  );
  await setup.store.copyFrom(setup.store, 'large', 'a');
  assert.equal(rule.hits, 2);
  assert.ok(stored()!.equals(content));
  setup.proxy.rule({ method: 'PUT', path: 'partNumber=3', times: 9 }, { answer: { status: 403 } });
  await assert.rejects(setup.store.copyFrom(setup.store, 'large', 'b'), { code: 'ACCESS_DENIED' });
  assert.equal(setup.tiny.uploads.size, 0);
});
