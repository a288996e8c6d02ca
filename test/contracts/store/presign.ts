import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, missing, patterned, type Subject } from './subject.ts';

export function presignContract(subject: Subject): void {
  describe('presigned addresses', () => {
    it('work without credentials, or are not offered', async () => {
      const { store } = subject;
      assert.equal(store.presign !== undefined, store.capabilities.presign);
      if (!store.presign) return;
      const bytes = patterned(5000);
      const key = 'presign/%41 + ü😀?#&.txt';
      const put = await fetch(await store.presign(key, { method: 'PUT', expires: 60 }), {
        method: 'PUT',
        body: bytes,
        headers: { 'x-ms-blob-type': 'BlockBlob' },
      });
      assert.ok(put.ok, `PUT: ${put.status} ${await put.text()}`);
      assert.ok((await bytesOf(store, key)).equals(bytes));
      const get = await fetch(await store.presign(key, { method: 'GET', expires: 60 }));
      assert.equal(get.status, 200);
      assert.ok(Buffer.from(await get.arrayBuffer()).equals(bytes));
      const part = await fetch(await store.presign(key, { method: 'GET', expires: 60 }), {
        headers: { range: 'bytes=10-19' },
      });
      assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20)));
      const head = await fetch(await store.presign(key, { method: 'HEAD', expires: 60 }), { method: 'HEAD' });
      assert.equal(head.headers.get('content-length'), '5000');
      const gone = await fetch(await store.presign(key, { method: 'DELETE', expires: 60 }), {
        method: 'DELETE',
      });
      assert.ok(gone.ok, `DELETE: ${gone.status}`);
      await missing(store, key);
    });
  });
}
