import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Multipart } from '../../../src/stores/store.ts';
import { bytesOf, fails, listed, md5, missing, patterned, type Subject, streamOf } from './subject.ts';

export function multipartContract(subject: Subject): void {
  describe('multipart', () => {
    const use = (work: (multipart: Multipart, size: number) => Promise<void>) => async () => {
      const { multipart } = subject.store;
      assert.equal(multipart !== undefined, subject.store.capabilities.multipart);
      if (multipart) await work(multipart, Math.max(multipart.minPartSize, 1000));
    };

    const lists = 'lists parts and uploads, in pages';
    /** There is no such upload any more; a store that lists no parts says it of a new one. */
    const gone = (multipart: Multipart, key: string, id: string) =>
      subject.options.skip?.[lists] === undefined
        ? fails(multipart.listParts(key, id), 'NOT_FOUND')
        : fails(multipart.uploadPart(key, id, 9, Buffer.from('late')), 'NOT_FOUND');

    it(
      'puts parts together that came out of order and twice',
      use(async (multipart, size) => {
        const { store } = subject;
        const [one, two, three] = [patterned(size, 1), patterned(size, 2), patterned(321, 3)];
        const key = 'parts/object %41😀';
        const id = await multipart.create(key, { contentType: 'text/x-parts', metadata: { a: 'b' } });
        const part3 = await multipart.uploadPart(key, id, 3, three, { size: three.length });
        await multipart.uploadPart(key, id, 1, patterned(size, 9));
        const part1 = await multipart.uploadPart(key, id, 1, streamOf(one), { size, md5: md5(one) });
        const part2 = await multipart.uploadPart(key, id, 2, async () => streamOf(two), { size });
        await missing(store, key);
        assert.deepEqual((await listed(store, { prefix: 'parts/' })).keys, []);
        const info = await multipart.complete(key, id, [part1, part2, part3]);
        assert.equal(info.size, 2 * size + three.length);
        const whole = Buffer.concat([one, two, three]);
        assert.ok((await bytesOf(store, key)).equals(whole));
        const head = await store.head(key);
        assert.equal(head.etag, info.etag);
        if (head.md5 !== undefined) assert.equal(head.md5, md5(whole));
        if (store.capabilities.properties) {
          assert.deepEqual([head.contentType, head.metadata?.a], ['text/x-parts', 'b']);
        }
        await gone(multipart, key, id);
      }),
    );

    it(
      lists,
      { skip: subject.options.skip?.[lists] ?? false },
      use(async (multipart) => {
        const ids: string[] = [];
        for (const key of ['uploads/a', 'uploads/b', 'uploads/c']) ids.push(await multipart.create(key));
        for (const number of [5, 2, 9])
          await multipart.uploadPart('uploads/b', ids[1]!, number, Buffer.from('part'));
        const { parts, more } = await multipart.listParts('uploads/b', ids[1]!);
        assert.deepEqual(
          parts.map((part) => [part.partNumber, part.size]),
          [
            [2, 4],
            [5, 4],
            [9, 4],
          ],
        );
        assert.equal(more, false);
        const second = await multipart.listParts('uploads/b', ids[1]!, { after: 2, limit: 1 });
        assert.deepEqual([second.parts[0]?.partNumber, second.parts.length, second.more], [5, 1, true]);
        const all = await multipart.listUploads({ prefix: 'uploads/' });
        const keys = (found: typeof all) => found.uploads.map((upload) => upload.key);
        assert.deepEqual(keys(all), ['uploads/a', 'uploads/b', 'uploads/c']);
        assert.deepEqual(
          all.uploads.map((upload) => upload.uploadId),
          ids,
        );
        assert.ok(all.uploads.every((upload) => Math.abs(upload.initiated - Date.now()) < 3600_000));
        const rest = await multipart.listUploads({ prefix: 'uploads/', afterKey: 'uploads/a', limit: 1 });
        assert.deepEqual([keys(rest), rest.more], [['uploads/b'], true]);
        for (const { key, uploadId } of all.uploads) await multipart.abort(key, uploadId);
        assert.deepEqual(keys(await multipart.listUploads({ prefix: 'uploads/' })), []);
        await missing(subject.store, 'uploads/b');
      }),
    );

    it(
      'forgets an upload that was aborted',
      use(async (multipart) => {
        const id = await multipart.create('parts/aborted');
        const part = await multipart.uploadPart('parts/aborted', id, 1, Buffer.from('x'));
        await multipart.abort('parts/aborted', id);
        await gone(multipart, 'parts/aborted', id);
        await fails(multipart.complete('parts/aborted', id, [part]), 'NOT_FOUND');
        await fails(multipart.uploadPart('parts/aborted', id, 2, Buffer.from('x')), 'NOT_FOUND');
        await missing(subject.store, 'parts/aborted');
      }),
    );

    it(
      'refuses a list of parts that is wrong',
      use(async (multipart, size) => {
        const key = 'parts/wrong';
        const id = await multipart.create(key);
        const one = await multipart.uploadPart(key, id, 1, patterned(size));
        const two = await multipart.uploadPart(key, id, 2, patterned(size));
        await fails(multipart.complete(key, id, [one, { partNumber: 3, etag: one.etag }]), 'BAD_SPEC');
        await fails(multipart.complete(key, id, [two, one]), 'BAD_SPEC');
        await fails(multipart.complete(key, id, []), 'BAD_SPEC');
        await missing(subject.store, key);
        await multipart.abort(key, id);
      }),
    );

    it(
      'refuses a part of another size or MD5',
      use(async (multipart) => {
        const key = 'parts/corrupt';
        const id = await multipart.create(key);
        const bytes = patterned(5000);
        await fails(multipart.uploadPart(key, id, 1, streamOf(bytes), { size: 4999 }), 'CORRUPT');
        await fails(multipart.uploadPart(key, id, 1, bytes, { md5: md5('other') }), 'CORRUPT');
        if (subject.options.skip?.[lists] === undefined)
          assert.deepEqual((await multipart.listParts(key, id)).parts, []);
        await multipart.abort(key, id);
      }),
    );

    it(
      'leaves out parts that are not named',
      use(async (multipart, size) => {
        const key = 'parts/some';
        const id = await multipart.create(key);
        const one = await multipart.uploadPart(key, id, 1, patterned(size, 1));
        await multipart.uploadPart(key, id, 2, patterned(size, 2));
        const three = await multipart.uploadPart(key, id, 7, patterned(size, 3));
        await multipart.complete(key, id, [one, three]);
        const whole = Buffer.concat([patterned(size, 1), patterned(size, 3)]);
        assert.ok((await bytesOf(subject.store, key)).equals(whole));
      }),
    );

    const absent = 'completes only where nothing is, when asked';
    it(
      absent,
      { skip: subject.options.skip?.[absent] ?? false },
      use(async (multipart) => {
        const key = 'parts/conditional';
        await subject.store.put(key, Buffer.from('there'));
        const id = await multipart.create(key);
        const part = await multipart.uploadPart(key, id, 1, Buffer.from('x'));
        const completed = multipart.complete(key, id, [part], { ifNoneMatch: '*' });
        await fails(
          completed,
          subject.store.capabilities.putIfAbsent ? 'PRECONDITION_FAILED' : 'UNSUPPORTED',
        );
        assert.equal((await bytesOf(subject.store, key)).toString(), 'there');
        await multipart.abort(key, id);
      }),
    );

    it(
      'copies parts inside the provider, where it can',
      use(async (multipart, size) => {
        if (!multipart.copyPart) return;
        const { store } = subject;
        const source = patterned(size + 500, 4);
        await store.put('parts/source +%', source);
        const key = 'parts/copied';
        const id = await multipart.create(key);
        const range = { start: 500, end: size + 499 };
        const one = await multipart.copyPart(key, id, 1, store, 'parts/source +%', { range });
        const two = await multipart.uploadPart(key, id, 2, Buffer.from('end'));
        await multipart.complete(key, id, [one, two]);
        const whole = Buffer.concat([source.subarray(500), Buffer.from('end')]);
        assert.ok((await bytesOf(store, key)).equals(whole));
      }),
    );
  });
}
