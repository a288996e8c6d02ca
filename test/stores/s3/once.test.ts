import assert from 'node:assert/strict';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { readAll } from '../../../src/stores/read.ts';
import { relay, withThrowawayChunks } from '../../../src/stores/relay.ts';
import { OnceStream } from '../../../src/stores/s3/once.ts';

// The chunk that the first attempt waits for comes at every moment of the second one's beginning.
for (const ticks of [0, 1, 2, 3, 4, 5, 8, 13, 21, 34]) {
  test(`an attempt that died while it waited takes nothing from the next (${ticks} ticks)`, async () => {
    const source = new PassThrough();
    const stream = new OnceStream(source);
    const first = stream.open();
    source.write('one ');
    for await (const chunk of first.iterator({ destroyOnReturn: false })) {
      assert.equal(String(chunk), 'one ');
      break;
    }
    await turn();
    const all = readAll(stream.open());
    for (let tick = 0; tick < ticks; tick++) await undefined;
    source.write('two ');
    first.destroy();
    source.end('three');
    assert.equal(String(await all), 'one two three');
    stream.close();
  });
}

test('a stream is held no longer than its first MiB, and comes whole all the same', async () => {
  const stream = new OnceStream(
    Readable.from(
      Array.from({ length: 40 }, (_, i) => Buffer.alloc(65_536, i)),
      { objectMode: false },
    ),
  );
  const body = stream.open();
  assert.ok(stream.repeatable);
  const bytes = await readAll(body);
  assert.equal(bytes.length, 40 * 65_536);
  for (let i = 0; i < 40; i++) assert.equal(bytes[i * 65_536], i);
  assert.ok(!stream.repeatable);
});

test('memory of chunks that nobody else holds is given back once they are written, and not before', async () => {
  const chunks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(65_536, i));
  const stream = new OnceStream(withThrowawayChunks(Readable.from(chunks, { objectMode: false })));
  let at = 0;
  const slow = new Writable({
    highWaterMark: 300_000,
    write: (chunk: Buffer, _encoding, done) => {
      setImmediate(() => {
        assert.deepEqual([...new Set(chunk)], [at++]);
        done();
      });
    },
  });
  await relay(stream.open(), slow);
  await finished(slow);
  assert.equal(at, 40);
  const left = chunks.filter((chunk) => chunk.length > 0);
  // The first MiB could have been needed again.
  assert.ok(left.length >= 16 && left.length < 20, `${left.length}`);
});
