import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { bytesOf, fails, patterned, type Subject } from './subject.ts';

export function readingContract(subject: Subject): void {
  describe('reading', () => {
    const bytes = patterned(100_000);

    before(async () => {
      await subject.store.put('read/object', bytes, { contentType: 'application/x-test' });
      await subject.store.put('read/empty', new Uint8Array(0));
    });

    it('gives the whole object with what is known of it', async () => {
      const { info, body, range } = await subject.store.get('read/object');
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(bytes));
      assert.equal(info.key, 'read/object');
      assert.equal(info.size, bytes.length);
      assert.equal(range, undefined);
      const head = await subject.store.head('read/object');
      assert.equal(head.size, bytes.length);
      assert.equal(head.etag, info.etag);
      // Answers about one object may tell whole seconds, or not.
      assert.equal(Math.floor(head.modified! / 1000), Math.floor(info.modified! / 1000));
      assert.ok(Math.abs(head.modified! - Date.now()) < 3600_000);
    });

    it('gives an empty object', async () => {
      const { info, body } = await subject.store.get('read/empty');
      body.destroy();
      assert.equal(info.size, 0);
      assert.equal((await bytesOf(subject.store, 'read/empty')).length, 0);
    });

    for (const [range, start, end] of [
      [{ start: 10 }, 10, 99_999],
      [{ start: 10, end: 19 }, 10, 19],
      [{ start: 0, end: 0 }, 0, 0],
      [{ start: 99_999, end: 99_999 }, 99_999, 99_999],
      [{ start: 99_990, end: 5_000_000 }, 99_990, 99_999],
      [{ last: 5 }, 99_995, 99_999],
      [{ last: 1_000_000 }, 0, 99_999],
    ] as const) {
      it(`reads the range ${JSON.stringify(range)}`, async () => {
        const content = await subject.store.get('read/object', { range });
        assert.deepEqual(content.range, { start, end });
        assert.equal(content.info.size, bytes.length);
        const chunks: Buffer[] = [];
        for await (const chunk of content.body) chunks.push(chunk);
        assert.ok(Buffer.concat(chunks).equals(bytes.subarray(start, end + 1)));
      });
    }

    it('refuses a range beyond the end, and any range of an empty object', async () => {
      const { store } = subject;
      await fails(store.get('read/object', { range: { start: 100_000 } }), 'RANGE_NOT_SATISFIABLE');
      await fails(
        store.get('read/object', { range: { start: 200_000, end: 200_001 } }),
        'RANGE_NOT_SATISFIABLE',
      );
      await fails(store.get('read/object', { range: { last: 0 } }), 'RANGE_NOT_SATISFIABLE');
      await fails(store.get('read/empty', { range: { start: 0 } }), 'RANGE_NOT_SATISFIABLE');
      await fails(store.get('read/empty', { range: { start: 0, end: 10 } }), 'RANGE_NOT_SATISFIABLE');
      await fails(store.get('read/empty', { range: { last: 5 } }), 'RANGE_NOT_SATISFIABLE');
    });

    it('says NOT_FOUND for what is not there', async () => {
      const { store } = subject;
      await fails(store.get('read/nothing'), 'NOT_FOUND');
      await fails(store.get('read'), 'NOT_FOUND');
      await fails(store.get('read/'), 'NOT_FOUND');
      await fails(store.head('read/nothing'), 'NOT_FOUND');
      await fails(store.head('read'), 'NOT_FOUND');
      await fails(store.head('read/object/below'), 'NOT_FOUND');
      await fails(store.get('read/nothing', { range: { start: 5 } }), 'NOT_FOUND');
    });

    it('reads many at once', async () => {
      const reads = Array.from({ length: 20 }, (_, i) =>
        bytesOf(subject.store, 'read/object', { range: { start: i * 100, end: i * 100 + 99 } }),
      );
      const all = Buffer.concat(await Promise.all(reads));
      assert.ok(all.equals(bytes.subarray(0, 2000)));
    });
  });
}
