import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { type Measured, MeteredStore } from '../../src/stores/metered.ts';
import { bytesOf, fails, listed } from '../contracts/store/subject.ts';
import { storeContract } from '../contracts/store.ts';

storeContract('MeteredStore', async () => ({ store: new MeteredStore(new MemoryStore()) }), {
  showsModified: true,
});

describe('MeteredStore', () => {
  it('counts calls, errors and bytes by operation, and tells of each call', async () => {
    const seen: Measured[] = [];
    const store = new MeteredStore(new MemoryStore(), (measured) => seen.push(measured));
    await store.put('a', Buffer.alloc(1000));
    await store.put('b', Buffer.alloc(10));
    await bytesOf(store, 'a');
    await bytesOf(store, 'a', { range: { last: 100 } });
    await fails(store.head('never'), 'NOT_FOUND');
    await store.copyFrom(new MeteredStore(store.inner), 'a', 'c');
    await listed(store, { pageSize: 2 });
    await store.deleteMany(['a', 'b', 'c']);
    assert.deepEqual(store.totals, {
      list: { calls: 3, errors: 0, bytes: 0 },
      head: { calls: 1, errors: 1, bytes: 0 },
      get: { calls: 2, errors: 0, bytes: 1100 },
      put: { calls: 2, errors: 0, bytes: 1010 },
      delete: { calls: 1, errors: 0, bytes: 0 },
      copy: { calls: 1, errors: 0, bytes: 1000 },
      part: { calls: 0, errors: 0, bytes: 0 },
    });
    assert.equal(seen.length, 10);
    const failed = seen.find((measured) => measured.error !== undefined);
    assert.deepEqual([failed?.operation, failed?.error], ['head', 'NOT_FOUND']);
    assert.ok(seen.every((measured) => measured.milliseconds >= 0));
  });
});
