import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { bytesOf, fails, missing, patterned, type Subject, text } from './subject.ts';

export function copyContract(subject: Subject): void {
  const { knowsMd5 = true } = subject.options;

  describe('copying', () => {
    it('copies inside the provider with properties and awkward keys', async (t) => {
      const { store } = subject;
      if (!store.canCopyFrom(store)) return t.skip('this store cannot copy from itself');
      const bytes = patterned(70_000, 3);
      const key = 'copy/from %41 +&?#😀';
      const put = await store.put(key, bytes, { contentType: 'text/x-a', metadata: { origin: 'a' } });
      const copied = await store.copyFrom(store, key, 'copy/to ü%20', { size: bytes.length });
      assert.equal(copied.key, 'copy/to ü%20');
      assert.equal(copied.size, bytes.length);
      if (knowsMd5) assert.equal(copied.md5, put.md5);
      assert.ok((await bytesOf(store, 'copy/to ü%20')).equals(bytes));
      await store.copyFrom(store, key, 'copy/other', { contentType: 'text/x-b', metadata: { origin: 'b' } });
      await store.copyFrom(store, key, 'copy/half', { contentType: 'text/x-b' });
      if (store.capabilities.properties) {
        const same = await store.head('copy/to ü%20');
        assert.deepEqual([same.contentType, same.metadata?.origin], ['text/x-a', 'a']);
        const other = await store.head('copy/other');
        assert.deepEqual([other.contentType, other.metadata?.origin], ['text/x-b', 'b']);
        const half = await store.head('copy/half');
        assert.deepEqual([half.contentType, half.metadata?.origin], ['text/x-b', 'a']);
      }
      await store.put('copy/empty', new Uint8Array(0));
      assert.equal((await store.copyFrom(store, 'copy/empty', 'copy/empty2')).size, 0);
    });

    it('copies from another container', async (t) => {
      const { store } = subject;
      const another = await subject.another();
      if (!store.canCopyFrom(another)) return t.skip('this store cannot copy from another container');
      await another.put('copy/across', Buffer.from('from the other side'));
      await store.copyFrom(another, 'copy/across', 'copy/arrived');
      assert.equal(await text(store, 'copy/arrived'), 'from the other side');
      await missing(another, 'copy/arrived');
    });

    it('says NOT_FOUND for a source that is not there', async (t) => {
      const { store } = subject;
      if (!store.canCopyFrom(store)) return t.skip('this store cannot copy from itself');
      await fails(store.copyFrom(store, 'copy/never-was', 'copy/x'), 'NOT_FOUND');
      await missing(store, 'copy/x');
    });

    const absent = 'copies only to where nothing is';
    it(absent, { skip: subject.options.skip?.[absent] ?? false }, async (t) => {
      const { store } = subject;
      if (!store.canCopyFrom(store)) return t.skip('this store cannot copy from itself');
      await store.put('copy/new', Buffer.from('new'));
      await store.put('copy/there', Buffer.from('there'));
      const copy = (key: string) => store.copyFrom(store, 'copy/new', key, { ifNoneMatch: '*' });
      await fails(copy('copy/there'), store.capabilities.putIfAbsent ? 'PRECONDITION_FAILED' : 'UNSUPPORTED');
      assert.equal(await text(store, 'copy/there'), 'there');
      if (store.capabilities.putIfAbsent) await copy('copy/free');
    });

    const meant = 'copies only the etag that is meant';
    it(meant, { skip: subject.options.skip?.[meant] ?? false }, async (t) => {
      const { store } = subject;
      if (!store.canCopyFrom(store)) return t.skip('this store cannot copy from itself');
      const old = await store.put('copy/pinned', Buffer.from('old content'));
      const { etag } = await store.put('copy/pinned', Buffer.from('new'));
      const copy = (sourceIfMatch: string) =>
        store.copyFrom(store, 'copy/pinned', 'copy/taken', { sourceIfMatch });
      await fails(copy(old.etag!), 'PRECONDITION_FAILED');
      await missing(store, 'copy/taken');
      await copy(etag!);
      assert.equal(await text(store, 'copy/taken'), 'new');
    });

    it('says UNSUPPORTED for a source that it cannot read by itself', async () => {
      const stranger = new MemoryStore();
      await stranger.put('x', Buffer.from('x'));
      if (subject.store.canCopyFrom(stranger)) return;
      await fails(subject.store.copyFrom(stranger, 'x', 'copy/stranger'), 'UNSUPPORTED');
      await missing(subject.store, 'copy/stranger');
    });
  });
}
