import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf, splitRange, widthOf } from '../../src/vectors/uuid.ts';
import fc from '../property.ts';

test('pieces of a range hold every UUID of it exactly once', () => {
  const bounds = fc.tuple(fc.uuid(), fc.uuid()).map((pair) => pair.sort());
  fc.assert(
    fc.property(bounds, fc.uuid(), fc.integer({ min: 1, max: 50 }), ([after, upTo], id, count) => {
      const whole = { after: after!, upTo: upTo! };
      const holds = (range: { after?: string; upTo?: string }) =>
        (range.after === undefined || id > range.after) && (range.upTo === undefined || id <= range.upTo);
      const pieces = splitRange(whole, count);
      assert.equal(pieces.filter(holds).length, holds(whole) ? 1 : 0);
      assert.equal(splitRange({}, count).filter(holds).length, 1);
    }),
  );
});

test('the width of a range is its share of all UUIDs', () => {
  assert.equal(widthOf({}), 1);
  assert.equal(widthOf({ upTo: '80000000-0000-0000-0000-000000000000' }), 0.5);
  assert.deepEqual(splitRange({}, 4).map(widthOf), [0.25, 0.25, 0.25, 0.25]);
});

test('the range of two UUIDs includes both', () => {
  const id = '00000000-0000-0000-0000-000000000005';
  assert.deepEqual(rangeOf(id, id), { after: '00000000-0000-0000-0000-000000000004', upTo: id });
  const nil = '00000000-0000-0000-0000-000000000000';
  assert.deepEqual(rangeOf(nil, id), { upTo: id });
});
