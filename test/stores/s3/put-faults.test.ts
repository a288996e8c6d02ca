import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { Body } from '../../../src/stores/store.ts';
import { bytesOf, faultSetup } from './fault-cases.ts';

const setup = faultSetup();
const small = bytesOf(5000);
const large = bytesOf(3_000_000);
const md5 = createHash('md5').update(small).digest('hex');
const stream = (bytes: Buffer) =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
    })(),
    { objectMode: false },
  );
const stored = () => setup.tiny.objects.get('bucket/a');

const FAULTS = {
  'a refused connection': { refuse: true },
  'an error': { answer: { status: 500, code: 'InternalError' } },
  'a lost answer': { dropAnswer: true },
  'a cut in the middle': { cutRequestAfter: 2000 },
};
const BODIES: Record<string, () => { body: Body; bytes: Buffer }> = {
  bytes: () => ({ body: small, bytes: small }),
  'a small stream': () => ({ body: stream(small), bytes: small }),
  'what a function gives': () => ({ body: async () => stream(large), bytes: large }),
  'many bytes': () => ({ body: large, bytes: large }),
};
for (const [fault, how] of Object.entries(FAULTS)) {
  for (const [kind, make] of Object.entries(BODIES)) {
    test(`${kind}: all of it arrives after ${fault}`, async () => {
      const rule = setup.proxy.rule({ method: 'PUT', times: 2 }, how);
      const { body, bytes } = make();
      const info = await setup.store.put('a', body, { size: bytes.length });
      assert.equal(info.size, bytes.length);
      assert.ok(stored()!.equals(bytes));
      assert.equal(rule.hits, 2);
    });
  }
}

test('a large stream that was hardly begun is sent again', async () => {
  const rule = setup.proxy.rule({ method: 'PUT' }, { refuse: true });
  const hesitant = Readable.from(
    (async function* () {
      yield large.subarray(0, 65_536);
      while (rule.hits === 0) await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield large.subarray(65_536);
    })(),
    { objectMode: false },
  );
  await setup.store.put('a', hesitant, { size: large.length });
  assert.ok(stored()!.equals(large));
});

test('a large stream that broke in the middle ends with an error and writes nothing', async () => {
  setup.proxy.rule({ method: 'PUT', times: 99 }, { cutRequestAfter: 2_000_000 });
  const source = stream(large);
  await assert.rejects(setup.store.put('a', source, { size: large.length }), { code: 'CONNECTION' });
  assert.ok(source.destroyed);
  assert.equal(stored(), undefined);
});

test('a source that breaks ends the put with its own error', async () => {
  const broken = () =>
    Readable.from(
      (async function* () {
        yield large.subarray(0, 2_000_000);
        throw new Error('the source broke');
      })(),
      { objectMode: false },
    );
  await assert.rejects(setup.store.put('a', broken(), { size: large.length }), {
    message: 'the source broke',
  });
  await assert.rejects(
    setup.store.put('a', async () => broken(), { size: large.length }),
    { message: 'the source broke' },
  );
  assert.equal(stored(), undefined);
});

test('bytes that changed on their way are found by their MD5 and sent again', async () => {
  const rule = setup.proxy.rule({ method: 'PUT' }, { corruptRequestAt: 77 });
  await setup.store.put('a', small, { md5 });
  assert.ok(stored()!.equals(small));
  assert.equal(rule.hits, 1);
});

test('a store that names another MD5 than was sent is not believed', async () => {
  setup.proxy.rule({ method: 'PUT' }, { headers: { etag: `"${'0'.repeat(32)}"` } });
  await assert.rejects(setup.store.put('a', small, { md5 }), { code: 'CORRUPT' });
});

test('a wrong MD5 is refused once', async () => {
  const before = setup.proxy.requests;
  await assert.rejects(setup.store.put('a', small, { md5: '0'.repeat(32) }), { code: 'CORRUPT' });
  assert.equal(setup.proxy.requests - before, 1);
  assert.equal(stored(), undefined);
});

test('a put if absent whose answer was lost is known as its own', async () => {
  setup.proxy.rule({ method: 'PUT' }, { dropAnswer: true });
  await setup.store.put('a', small, { ifNoneMatch: '*' });
  assert.ok(stored()!.equals(small));
});

test('a put if absent is refused when another was first', async () => {
  setup.tiny.objects.set('bucket/a', large);
  setup.proxy.rule({ method: 'PUT' }, { refuse: true });
  await assert.rejects(setup.store.put('a', small, { ifNoneMatch: '*' }), { code: 'PRECONDITION_FAILED' });
  assert.ok(stored()!.equals(large));
});

test('a full store is NO_SPACE, at once', async () => {
  const rule = setup.proxy.rule({ times: 100 }, { answer: { status: 507, code: 'XMinioStorageFull' } });
  await assert.rejects(setup.store.put('a', small), { code: 'NO_SPACE', retryable: false });
  assert.equal(rule.hits, 1);
});
