import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, fails, listed, missing, type Subject, text } from './subject.ts';

const long = (bytes: number, part: number): string => {
  let key = 'keys/long/';
  while (key.length < bytes) key += `${'x'.repeat(Math.min(part, bytes - key.length - 1))}/`;
  return `${key.slice(0, bytes - 1)}y`;
};

/** Keys that have broken one program or another. */
const AWKWARD = [
  'keys/with space and  two',
  'keys/ leading and trailing ',
  'keys/%41',
  'keys/%2F',
  'keys/100%',
  'keys/question?mark=1',
  'keys/hash#tag',
  'keys/plus+sign',
  'keys/ampersand&x=y',
  'keys/quote\'single"double`back',
  'keys/less<greater>[x]{y}|^~',
  'keys/semi;colon:comma,at@dollar$equals=star*(round)!',
  'keys/back\\slash',
  'keys/emoji 😀/日本語/ñ',
  'keys/n\u0303',
  'keys/tab\there',
  'keys/trailing/slash/',
  'keys/dot.',
  'keys/.hidden',
  'keys/..data',
  'keys/a..b/c',
  'keys/con',
  'keys/CON.txt',
  'keys/.sluice-tmp/x',
  'keys/x=1/y=2/part-0000.parquet',
  long(1024, 200),
  long(1024, 1014),
  'keys//double//slash',
  'keys/./dot',
  'keys/../up',
  '/keys/leading',
  '.sluice-tmp/keys',
];

export function keysContract(subject: Subject): void {
  const { refusedKeys = [], keyBelowObject, skip = {} } = subject.options;

  describe('keys', () => {
    for (const key of AWKWARD) {
      const name =
        key.length > 60 ? `${key.slice(0, 20)}… (${key.length}, ${key.split('/').length} parts)` : key;
      if (refusedKeys.includes(key)) {
        it(`refuses ${JSON.stringify(name)} with BAD_KEY`, async () => {
          await fails(subject.store.put(key, Buffer.from('x')), 'BAD_KEY');
        });
        continue;
      }
      it(`keeps ${JSON.stringify(name)} as it is`, { skip: skip[key] ?? false }, async () => {
        const { store } = subject;
        const content = `content of ${key}`;
        const put = await store.put(key, Buffer.from(content), { contentType: 'text/plain' });
        assert.equal(put.key, key);
        assert.equal(put.size, Buffer.byteLength(content));
        assert.equal((await store.head(key)).key, key);
        assert.equal(await text(store, key), content);
        assert.deepEqual((await listed(store, { prefix: key })).keys, [key]);
        await store.delete(key);
        await missing(store, key);
        assert.deepEqual(await store.deleteMany([key]), []);
      });
    }

    it('holds keys side by side that differ only in what careless programs fold together', async () => {
      const { store } = subject;
      const keys = [
        'twins/A',
        'twins/a',
        'twins/%61',
        'twins/a%20b',
        'twins/a b',
        'twins/a+b',
        'twins/e\u0301',
        'twins/\u00e9',
        'twins/slash',
        'twins/slash/',
      ].filter((key) => !refusedKeys.includes(key));
      const kept = keyBelowObject === undefined ? keys : keys.filter((key) => key !== 'twins/slash/');
      for (const key of kept) await store.put(key, Buffer.from(key));
      for (const key of kept) assert.equal(await text(store, key), key);
      assert.deepEqual(
        (await listed(store, { prefix: 'twins/' })).keys,
        [...kept].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
      assert.deepEqual(await store.deleteMany(kept), []);
      assert.deepEqual((await listed(store, { prefix: 'twins/' })).keys, []);
    });

    const below = `${keyBelowObject === undefined ? 'holds' : 'refuses'} an object below another object's key`;
    it(below, { skip: skip[below] ?? false }, async () => {
      const { store } = subject;
      for (const [first, second] of [
        ['below/1', 'below/1/x'],
        ['below/2/x', 'below/2'],
        ['below/3/', 'below/3/x'],
      ] as const) {
        await store.put(first, Buffer.from('first'));
        if (keyBelowObject !== undefined && !first.endsWith('/')) {
          await fails(store.put(second, Buffer.from('second')), keyBelowObject);
          continue;
        }
        await store.put(second, Buffer.from('second'));
        assert.equal(await text(store, first), 'first');
        assert.equal(await text(store, second), 'second');
        const due = [first, second].sort();
        assert.deepEqual((await listed(store, { prefix: first.slice(0, 7) })).keys, due);
        await store.delete(first);
        await missing(store, first);
        assert.equal(await text(store, second), 'second');
      }
    });

    it('keeps an empty folder marker', async () => {
      await subject.store.put('marker/', new Uint8Array(0));
      assert.equal((await subject.store.head('marker/')).size, 0);
      assert.equal((await bytesOf(subject.store, 'marker/')).length, 0);
      assert.deepEqual((await listed(subject.store, { prefix: 'marker' })).keys, ['marker/']);
      await subject.store.delete('marker/');
      assert.deepEqual((await listed(subject.store, { prefix: 'marker' })).keys, []);
    });

    it('refuses an empty key, one of more than 1,024 bytes, and one that is no Unicode text', async () => {
      const { store } = subject;
      for (const key of [
        '',
        'x'.repeat(1025),
        `${'x/'.repeat(400)}${'é'.repeat(200)}`,
        'lone \ud83d surrogate',
      ]) {
        await fails(store.put(key, Buffer.from('x')), 'BAD_KEY');
        await fails(store.head(key), 'BAD_KEY');
        await fails(store.get(key), 'BAD_KEY');
        await fails(store.delete(key), 'BAD_KEY');
        const failures = await store.deleteMany([key]);
        assert.equal(failures.length, 1);
        await fails(Promise.reject(failures[0]!.error), 'BAD_KEY');
      }
    });
  });
}
