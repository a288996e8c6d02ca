import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fails, missing, patterned, type Subject, streamOf, text, through } from './subject.ts';

export function stoppingContract(subject: Subject): void {
  describe('stopping', () => {
    it('ends every method with CANCELED when its signal has fired', async () => {
      const { store } = subject;
      await store.put('stop/object', Buffer.from('x'));
      const signal = AbortSignal.abort();
      const all = async () => {
        for await (const _ of store.list({ signal }));
      };
      await fails(all(), 'CANCELED');
      await fails(store.head('stop/object', { signal }), 'CANCELED');
      await fails(store.get('stop/object', { signal }), 'CANCELED');
      await fails(store.put('stop/new', Buffer.from('x'), { signal }), 'CANCELED');
      await fails(store.put('stop/new', streamOf(Buffer.from('x')), { signal }), 'CANCELED');
      await fails(store.delete('stop/object', { signal }), 'CANCELED');
      await fails(store.deleteMany(['stop/object'], { signal }), 'CANCELED');
      if (store.canCopyFrom(store)) {
        await fails(store.copyFrom(store, 'stop/object', 'stop/new', { signal }), 'CANCELED');
      }
      await missing(store, 'stop/new');
      assert.equal(await text(store, 'stop/object'), 'x');
    });

    it('stops a put in the middle, destroys its source and leaves nothing', async () => {
      const { store } = subject;
      for (const size of [undefined, 1_000_000]) {
        const stop = new AbortController();
        let sent = 0;
        const source = through(patterned(1_000_000), async function* (chunks) {
          for await (const chunk of chunks) {
            yield chunk;
            sent += chunk.length;
            if (sent > 300_000) stop.abort();
            if (sent > 300_000) await new Promise((resolve) => setTimeout(resolve, 20));
          }
        });
        await fails(store.put('stop/middle', source, { size, signal: stop.signal }), 'CANCELED');
        assert.ok(source.destroyed);
        await missing(store, 'stop/middle');
      }
    });

    it('stops a body in the middle', async () => {
      const { store } = subject;
      await store.put('stop/large', patterned(2_000_000));
      const stop = new AbortController();
      const { body } = await store.get('stop/large', { signal: stop.signal });
      const read = async () => {
        for await (const _ of body) stop.abort();
      };
      await fails(read(), 'CANCELED');
    });

    it('lets a body be left early', async () => {
      const { store } = subject;
      await store.put('stop/large', patterned(2_000_000));
      for (let i = 0; i < 5; i++) {
        const { body } = await store.get('stop/large');
        for await (const _ of body) break;
        assert.ok(body.destroyed);
        const untouched = await store.get('stop/large');
        untouched.body.destroy();
      }
      assert.equal((await store.head('stop/large')).size, 2_000_000);
    });
  });
}
