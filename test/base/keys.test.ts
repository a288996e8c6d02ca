import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareKeys } from '../../src/base/keys.ts';
import fc from '../property.ts';

test('keys are ordered by the bytes of their UTF-8 form', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, (a, b) => {
      assert.equal(Math.sign(compareKeys(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
    { examples: [['\u{1F600}', '\uFFFD']] },
  );
});
