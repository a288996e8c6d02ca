import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Crc64Nvme, crc32c } from '../../src/gateway/crc.ts';

it('gives the published check values, however the bytes are cut', () => {
  const bytes = Buffer.from('123456789');
  assert.equal(crc32c(bytes), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), 0xe3069283);
    const crc = new Crc64Nvme();
    crc.update(bytes.subarray(0, at));
    crc.update(bytes.subarray(at));
    assert.equal(crc.digest().toString('hex'), 'ae8b14860a799888');
  }
  const zeros = new Crc64Nvme();
  zeros.update(Buffer.alloc(4096));
  assert.equal(zeros.digest().toString('hex'), '6482d367eb22b64e');
});
