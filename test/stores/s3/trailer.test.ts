import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { readAll } from '../../../src/stores/read.ts';
import { sizeWithTrailer, withTrailer } from '../../../src/stores/s3/trailer.ts';

const trailed = (size: number, pieces: Buffer[]) => ({
  body: Readable.from(pieces),
  size,
  checksum: { name: 'crc32', value: () => 'AAAAAA==' },
});
const MiB = 1024 * 1024;

test('a body with its checksum as the trailer has the size that was said before, whatever its pieces', async () => {
  for (const size of [0, 1, MiB - 1, MiB, MiB + 1, 2 * MiB, 2 * MiB + 5]) {
    const bytes = Buffer.alloc(size, 'sluice');
    const pieces: Buffer[] = [];
    for (let at = 0; at < size; at += 300_001) pieces.push(bytes.subarray(at, at + 300_001));
    const framed = await readAll(withTrailer(trailed(size, pieces)));
    assert.equal(framed.length, sizeWithTrailer(trailed(size, [])), `${size}`);
    const content: Buffer[] = [];
    let at = 0;
    for (;;) {
      const line = framed.indexOf('\r\n', at);
      const length = Number.parseInt(framed.subarray(at, line).toString(), 16);
      at = line + 2;
      if (length === 0) break;
      content.push(framed.subarray(at, at + length));
      at += length + 2;
    }
    assert.ok(Buffer.concat(content).equals(bytes));
    assert.equal(framed.subarray(at).toString(), 'x-amz-checksum-crc32:AAAAAA==\r\n\r\n');
  }
});

test('more bytes than were promised end it', async () => {
  const body = withTrailer(trailed(3, [Buffer.from('ab'), Buffer.from('cd')]));
  await assert.rejects(readAll(body), { code: 'CORRUPT' });
});
