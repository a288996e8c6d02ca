import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fails, missing, type Subject, streamOf, text } from './subject.ts';

export function conditionsContract(subject: Subject): void {
  describe('conditions', () => {
    it('puts only where nothing is (ifNoneMatch), or says that it cannot', async () => {
      const { store } = subject;
      const body = Buffer.from('first');
      if (!store.capabilities.putIfAbsent) {
        await fails(store.put('if/absent', body, { ifNoneMatch: '*' }), 'UNSUPPORTED');
        await missing(store, 'if/absent');
        return;
      }
      await store.put('if/absent', body, { ifNoneMatch: '*' });
      await fails(store.put('if/absent', Buffer.from('second'), { ifNoneMatch: '*' }), 'PRECONDITION_FAILED');
      const stream = streamOf(Buffer.alloc(100_000));
      await fails(store.put('if/absent', stream, { ifNoneMatch: '*' }), 'PRECONDITION_FAILED');
      assert.equal(await text(store, 'if/absent'), 'first');
    });

    it('lets one of many win a put where nothing is', async () => {
      const { store } = subject;
      if (!store.capabilities.putIfAbsent) return;
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => store.put('if/race', Buffer.from(`${i}`), { ifNoneMatch: '*' })),
      );
      const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [`${i}`] : []));
      assert.equal(winners.length, 1);
      assert.equal(await text(store, 'if/race'), winners[0]);
    });

    it('puts only over the etag that is meant (ifMatch), or says that it cannot', async () => {
      const { store } = subject;
      const first = await store.put('if/match', Buffer.from('first'));
      if (!store.capabilities.putIfMatch) {
        await fails(store.put('if/match', Buffer.from('x'), { ifMatch: first.etag ?? 'x' }), 'UNSUPPORTED');
        assert.equal(await text(store, 'if/match'), 'first');
        return;
      }
      const second = await store.put('if/match', Buffer.from('second'), { ifMatch: first.etag! });
      await fails(
        store.put('if/match', Buffer.from('third'), { ifMatch: first.etag! }),
        'PRECONDITION_FAILED',
      );
      assert.equal(await text(store, 'if/match'), 'second');
      assert.notEqual(second.etag, first.etag);
      await store.delete('if/match');
      await fails(store.put('if/match', Buffer.from('x'), { ifMatch: second.etag! }), 'PRECONDITION_FAILED');
      await missing(store, 'if/match');
    });

    const deletes = 'deletes only the etag that is meant, or says that it cannot';
    it(deletes, { skip: subject.options.skip?.[deletes] ?? false }, async () => {
      const { store } = subject;
      const first = await store.put('if/delete', Buffer.from('first'));
      if (!store.capabilities.deleteIfMatch) {
        await fails(store.delete('if/delete', { ifMatch: first.etag ?? 'x' }), 'UNSUPPORTED');
        assert.equal(await text(store, 'if/delete'), 'first');
        return;
      }
      const second = await store.put('if/delete', Buffer.from('second'));
      await fails(store.delete('if/delete', { ifMatch: first.etag! }), 'PRECONDITION_FAILED');
      assert.equal(await text(store, 'if/delete'), 'second');
      await store.delete('if/delete', { ifMatch: second.etag! });
      await missing(store, 'if/delete');
    });

    it('reads only the etag that is meant, or only another', async () => {
      const { store } = subject;
      const old = await store.put('if/read', Buffer.from('an older version'));
      const { etag } = await store.put('if/read', Buffer.from('content'));
      assert.ok(etag !== undefined && old.etag !== undefined && etag !== old.etag, 'every store has etags');
      assert.equal(await text(store, 'if/read', { ifMatch: etag }), 'content');
      assert.equal(await text(store, 'if/read', { ifMatch: etag, range: { start: 0, end: 2 } }), 'con');
      assert.equal(await text(store, 'if/read', { ifNoneMatch: old.etag }), 'content');
      await fails(store.get('if/read', { ifMatch: old.etag }), 'PRECONDITION_FAILED');
      await fails(store.get('if/read', { ifNoneMatch: etag }), 'NOT_MODIFIED');
    });
  });
}
