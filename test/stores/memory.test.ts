import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { listed } from '../contracts/store/subject.ts';
import { storeContract } from '../contracts/store.ts';

storeContract('MemoryStore', async () => ({ store: new MemoryStore() }), { showsModified: true });

describe('MemoryStore', () => {
  it('keeps its own copy of the bytes', async () => {
    const store = new MemoryStore();
    const bytes = Buffer.from('before');
    await store.put('a', bytes);
    bytes.write('afterw');
    const { body } = await store.get('a');
    assert.equal(String(await body.read()), 'before');
  });

  it('lists 30,000 keys that come and go between the pages', async () => {
    const store = new MemoryStore();
    for (let i = 0; i < 30_000; i++) await store.put(`k/${(i * 7919) % 30_000}`, new Uint8Array(0));
    assert.equal((await listed(store)).keys.length, 30_000);
    let seen = 0;
    for await (const page of store.list({ pageSize: 100 })) {
      seen += page.objects.length;
      await store.delete(page.objects[50]!.key);
      await store.put(`a/${seen}`, new Uint8Array(0));
    }
    assert.equal(seen, 30_000);
    assert.equal((await listed(store, { prefix: 'a/' })).keys.length, 300);
    assert.equal((await listed(store, { delimiter: '/' })).prefixes.length, 2);
  });
});
