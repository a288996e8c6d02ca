import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SluiceError } from '../../../src/base/errors.ts';
import type { Body, PutOptions } from '../../../src/stores/store.ts';
import {
  bytesOf,
  fails,
  fill,
  listed,
  md5,
  missing,
  patterned,
  type Subject,
  streamOf,
  text,
  through,
} from './subject.ts';

export function writingContract(subject: Subject): void {
  const { knowsMd5 = true, many = 1100, large = 1_000_000, showsModified = false } = subject.options;

  describe('writing', () => {
    const bytes = patterned(50_000);
    const bodies: Record<string, [Body, PutOptions]> = {
      bytes: [bytes, {}],
      'a plain Uint8Array': [new Uint8Array(bytes), { size: bytes.length }],
      'a stream of known size': [streamOf(bytes), { size: bytes.length }],
      'a stream of unknown size': [streamOf(bytes), {}],
      'a function': [async () => streamOf(bytes), { size: bytes.length }],
      'a function of unknown size': [async () => streamOf(bytes), {}],
      'a stream with its MD5': [streamOf(bytes), { size: bytes.length, md5: md5(bytes) }],
      'a stream of unknown size with its MD5': [streamOf(bytes), { md5: md5(bytes) }],
    };
    for (const [name, [body, options]] of Object.entries(bodies)) {
      it(`puts ${name}`, async () => {
        const info = await subject.store.put('write/object', body, options);
        assert.equal(info.size, bytes.length);
        if (info.md5 !== undefined || (knowsMd5 && options.size !== undefined))
          assert.equal(info.md5, md5(bytes));
        assert.ok((await bytesOf(subject.store, 'write/object')).equals(bytes));
        const head = await subject.store.head('write/object');
        assert.equal(head.size, info.size);
        assert.equal(head.etag, info.etag);
      });
    }

    it('puts empty objects of every kind', async () => {
      for (const body of [
        new Uint8Array(0),
        streamOf(Buffer.alloc(0)),
        async () => streamOf(Buffer.alloc(0)),
      ]) {
        assert.equal((await subject.store.put('write/empty', body)).size, 0);
        assert.equal((await subject.store.head('write/empty')).size, 0);
      }
      await subject.store.put('write/empty', streamOf(Buffer.alloc(0)), { size: 0 });
      assert.equal((await bytesOf(subject.store, 'write/empty')).length, 0);
    });

    it('puts large bodies of known and unknown size', async () => {
      const big = patterned(large, 7);
      await subject.store.put('write/big', streamOf(big, 100_003));
      assert.ok((await bytesOf(subject.store, 'write/big')).equals(big));
      await subject.store.put('write/big2', async () => streamOf(big, 65_536), {
        size: big.length,
        md5: md5(big),
      });
      assert.ok((await bytesOf(subject.store, 'write/big2')).equals(big));
      assert.deepEqual(await subject.store.deleteMany(['write/big', 'write/big2']), []);
    });

    it('replaces an object as a whole', async () => {
      await subject.store.put('write/replaced', Buffer.from('a much longer first version'), {
        contentType: 'text/plain',
        metadata: { first: '1' },
      });
      const before = await subject.store.head('write/replaced');
      await subject.store.put('write/replaced', Buffer.from('short'));
      const after = await subject.store.head('write/replaced');
      assert.equal(await text(subject.store, 'write/replaced'), 'short');
      assert.equal(after.metadata?.first, undefined);
      if (before.etag !== undefined) assert.notEqual(after.etag, before.etag);
    });

    it('refuses bytes of another size or MD5 with CORRUPT, and nothing is seen of them', async () => {
      const { store } = subject;
      const wrong: [Body, PutOptions][] = [
        [streamOf(bytes), { size: bytes.length + 1 }],
        [streamOf(bytes), { size: bytes.length - 1 }],
        [streamOf(bytes), { size: 0 }],
        [Buffer.from('short'), { size: 4 }],
        [async () => streamOf(bytes), { size: 1_000_000 }],
        [Buffer.from('text'), { md5: md5('other text') }],
        [streamOf(bytes), { size: bytes.length, md5: md5('other') }],
        [streamOf(bytes), { md5: md5('other') }],
      ];
      for (const [body, options] of wrong) {
        await fails(store.put('write/wrong', body, options), 'CORRUPT');
        await missing(store, 'write/wrong');
      }
      await store.put('write/wrong', Buffer.from('the first'));
      await fails(store.put('write/wrong', streamOf(bytes), { size: 3 }), 'CORRUPT');
      assert.equal(await text(store, 'write/wrong'), 'the first');
    });

    it('leaves nothing of a source that fails in the middle, and tells its error', async () => {
      const { store } = subject;
      const broken = () =>
        through(bytes, async function* (source) {
          let seen = 0;
          for await (const chunk of source) {
            yield chunk;
            seen += chunk.length;
            if (seen > 20_000) throw new SluiceError('NOT_FOUND', 'The source went away in the middle.');
          }
        });
      for (const [body, options] of [
        [broken, { size: bytes.length }],
        [broken, {}],
        [() => async () => broken(), { size: bytes.length }],
        [() => async () => broken(), {}],
      ] as const) {
        await assert.rejects(store.put('write/broken', body(), options), (error: Error) => {
          const chain = [error, error.cause].map(String).join(' ');
          return chain.includes('The source went away');
        });
        await missing(store, 'write/broken');
      }
      assert.deepEqual((await listed(store, { prefix: 'write/broken' })).keys, []);
    });

    it('begins again with a function whose stream broke', async () => {
      let opened = 0;
      const body = async () =>
        through(bytes, async function* (source) {
          const last = ++opened === 2;
          for await (const chunk of source) {
            yield chunk;
            if (!last) throw new SluiceError('CONNECTION', 'The link of the source broke.');
          }
        });
      for (const size of [bytes.length, undefined]) {
        opened = 0;
        await subject.store.put('write/again', body, { size });
        assert.equal(opened, 2);
        assert.ok((await bytesOf(subject.store, 'write/again')).equals(bytes));
      }
    });

    it('shows an object only when it is complete', async () => {
      const { store } = subject;
      let seen: string[] = ['not looked'];
      const slow = through(bytes, async function* (source) {
        let first = true;
        for await (const chunk of source) {
          yield chunk;
          if (first) seen = (await listed(store, { prefix: 'write/slow' })).keys;
          first = false;
        }
      });
      await store.put('write/slow', slow, { size: bytes.length });
      assert.deepEqual(seen, []);
      assert.deepEqual((await listed(store, { prefix: 'write/slow' })).keys, ['write/slow']);
    });

    it('keeps content type and metadata, or says that it does not', async () => {
      const { store } = subject;
      const properties = {
        contentType: 'application/x-thing; charset=utf-8',
        metadata: { plain: 'value', 'with-dash': 'two  words = 1', UPPER: 'x', 'sluice-checksum': 'abc-3' },
        cacheControl: 'no-cache',
        contentDisposition: 'attachment; filename="x.txt"',
        contentLanguage: 'de',
        contentEncoding: 'identity',
      };
      await store.put('write/properties', Buffer.from('x'), properties);
      const head = await store.head('write/properties');
      const { info, body } = await store.get('write/properties');
      body.destroy();
      if (!store.capabilities.properties) {
        assert.equal(head.metadata?.plain, undefined);
        return;
      }
      for (const found of [head, info]) {
        assert.equal(found.contentType, properties.contentType);
        const { plain, 'with-dash': dash, upper, 'sluice-checksum': noted } = found.metadata ?? {};
        assert.deepEqual([plain, dash, upper, noted], ['value', 'two  words = 1', 'x', 'abc-3']);
        assert.equal(found.cacheControl, 'no-cache');
        assert.equal(found.contentDisposition, properties.contentDisposition);
        assert.equal(found.contentLanguage, 'de');
      }
      await store.put('write/streamed', streamOf(bytes), { contentType: 'text/x', metadata: { a: 'b' } });
      const streamed = await store.head('write/streamed');
      assert.equal(streamed.contentType, 'text/x');
      assert.equal(streamed.metadata?.a, 'b');
    });

    it('gives bytes back that claim to be compressed exactly as they were put', async () => {
      const { store } = subject;
      const squeezed = Buffer.from('1f8b0800000000000003cb48cdc9c95728cf2fca49010085114a0d0b000000', 'hex');
      await store.put('write/gzip', squeezed, { contentEncoding: 'gzip', contentType: 'text/plain' });
      const { info, body } = await store.get('write/gzip');
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(squeezed));
      assert.equal(info.size, squeezed.length);
    });

    it(`${showsModified ? 'shows' : 'ignores'} the modified time that is asked for`, async () => {
      const modified = Date.UTC(2020, 4, 17, 3, 4, 5);
      await subject.store.put('write/dated', Buffer.from('x'), { modified });
      const head = await subject.store.head('write/dated');
      if (showsModified) assert.equal(head.modified, modified);
      else assert.ok(head.modified! > modified);
    });

    it('deletes again and again without an error', async () => {
      const { store } = subject;
      await store.put('write/gone', Buffer.from('x'));
      await store.delete('write/gone');
      await store.delete('write/gone');
      await missing(store, 'write/gone');
      await store.delete('write/never/was');
      assert.deepEqual(await store.deleteMany(['write/gone', 'write/never/was']), []);
      assert.deepEqual(await store.deleteMany([]), []);
    });

    it(`deletes ${many} objects at once and leaves the others`, async () => {
      const { store } = subject;
      const keys = Array.from({ length: many }, (_, i) => `many/${i % 7}/${i} & <x>`);
      await fill(store, [...keys, 'many/kept']);
      assert.equal((await listed(store, { prefix: 'many/' })).keys.length, many + 1);
      assert.deepEqual(await store.deleteMany([...keys, 'many/never-was']), []);
      assert.deepEqual((await listed(store, { prefix: 'many/' })).keys, ['many/kept']);
    });
  });
}
