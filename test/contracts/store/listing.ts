import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { compareKeys } from '../../../src/base/keys.ts';
import { fill, listed, md5, type Subject } from './subject.ts';

export function listingContract(subject: Subject): void {
  describe('listing', () => {
    const keys = [
      'list/A',
      'list/a',
      'list/a!b',
      'list/a-b',
      'list/a.txt',
      'list/a/1',
      'list/a/2/x',
      'list/a/2/y',
      'list/a0',
      'list/b/1',
      'list/b/2',
      'list/é',
      'list/\uE000',
      'list/\uFF5E',
      'list/😀',
      'list/😀/deep',
      'list0',
      'lisu',
    ].filter((key) => !subject.options.refusedKeys?.includes(key));
    const flat = subject.options.keyBelowObject === undefined;
    const kept = keys.filter((key) => flat || !['list/a', 'list/😀'].includes(key));
    const under = (prefix: string) => kept.filter((key) => key.startsWith(prefix));

    before(async () => fill(subject.store, kept));

    it('gives keys in the order of their UTF-8 bytes', async () => {
      const found = await listed(subject.store, { prefix: 'list/' });
      assert.deepEqual(found.keys, under('list/'));
      assert.deepEqual(
        found.keys,
        [...found.keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
      assert.deepEqual(found.prefixes, []);
    });

    it('lists everything without a prefix', async () => {
      const found = await listed(subject.store);
      assert.deepEqual(found.keys, [...found.keys].sort(compareKeys));
      for (const key of kept) assert.ok(found.keys.includes(key), key);
    });

    it('tells size and times of each object, and its MD5 where the store knows it', async () => {
      for await (const page of subject.store.list({ prefix: 'list/a.txt' })) {
        for (const object of page.objects) {
          assert.equal(object.size, Buffer.byteLength(object.key));
          assert.ok(Math.abs(object.modified! - Date.now()) < 3600_000, String(object.modified));
          if (subject.options.knowsMd5 !== false) assert.equal(object.md5, md5(object.key));
          assert.doesNotMatch(object.etag ?? '', /"/);
        }
      }
    });

    it('takes a prefix that is no folder, one that is a key, and one that nothing has', async () => {
      for (const prefix of ['list/a', 'list/a/', 'list/a/2', 'list/a.txt', 'lis', 'list/😀']) {
        assert.deepEqual((await listed(subject.store, { prefix })).keys, under(prefix), prefix);
      }
      assert.deepEqual((await listed(subject.store, { prefix: 'nothing/here' })).keys, []);
      assert.deepEqual((await listed(subject.store, { prefix: 'list/a.txt/' })).keys, []);
    });

    it('begins after a key, whether that key is there or not', async () => {
      for (const startAfter of [
        ...kept,
        'list/a/',
        'list/a/2',
        'list/a/3',
        'list/\uFFFD',
        'list/ÿ',
        'a',
        'zzz',
      ]) {
        const found = await listed(subject.store, { prefix: 'list/', startAfter });
        const due = under('list/').filter((key) => compareKeys(key, startAfter) > 0);
        assert.deepEqual(found.keys, due, startAfter);
      }
    });

    it('shows shared beginnings once with a delimiter', async () => {
      const found = await listed(subject.store, { prefix: 'list/', delimiter: '/' });
      assert.deepEqual(found.prefixes, ['list/a/', 'list/b/', 'list/😀/']);
      assert.deepEqual(
        found.keys,
        under('list/').filter((key) => !key.slice(5).includes('/')),
      );
      const below = await listed(subject.store, { prefix: 'list/a/', delimiter: '/' });
      assert.deepEqual(below, { keys: ['list/a/1'], prefixes: ['list/a/2/'], pages: below.pages });
      const part = await listed(subject.store, { prefix: 'list/a', delimiter: '/' });
      assert.deepEqual(part.prefixes, ['list/a/']);
      const root = await listed(subject.store, { delimiter: '/' });
      assert.ok(root.prefixes.includes('list/') && root.keys.includes('list0'));
    });

    it('begins after a key or a prefix with a delimiter', async () => {
      const after = async (startAfter: string) =>
        (await listed(subject.store, { prefix: 'list/', delimiter: '/', startAfter })).prefixes;
      assert.deepEqual(await after('list/a.txt'), ['list/a/', 'list/b/', 'list/😀/']);
      assert.deepEqual(await after('list/a/'), ['list/b/', 'list/😀/']);
      assert.deepEqual(await after('list/a/1'), ['list/b/', 'list/😀/']);
      assert.deepEqual(await after('list/b/'), ['list/😀/']);
      assert.deepEqual(await after('list/😀/'), []);
    });

    it('gives small pages that add up, with and without a delimiter', async () => {
      for (const pageSize of [1, 2, 3]) {
        const found = await listed(subject.store, { prefix: 'list/', pageSize });
        assert.deepEqual(found.keys, under('list/'));
        assert.ok(found.pages >= under('list/').length / pageSize);
        const grouped = await listed(subject.store, { prefix: 'list/', delimiter: '/', pageSize });
        assert.deepEqual(grouped.prefixes, ['list/a/', 'list/b/', 'list/😀/']);
      }
    });

    it('can be left in the middle', async () => {
      for await (const page of subject.store.list({ prefix: 'list/', pageSize: 2 })) {
        assert.equal(page.objects.length, 2);
        break;
      }
    });
  });
}
