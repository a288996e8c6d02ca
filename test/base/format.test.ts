import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatCount, formatDuration } from '../../src/base/format.ts';

describe('durations', () => {
  it('have two parts at most, and are rounded before they are taken apart', () => {
    const shown = [0, 40, 9_949, 9_950, 59_499, 59_500, 245_000, 3_599_500, 7_620_000, 273_600_000];
    assert.deepEqual(shown.map(formatDuration), [
      ...['0s', '0.0s', '9.9s', '10s', '59s', '1m00s', '4m05s', '1h00m', '2h07m', '3d04h'],
    ]);
  });
});

it('counts have their thousands apart, and no fractions', () => {
  const shown = [0, 7, 999, 1000, 12_345.6, 1_234_567, -1234, 100_000_000];
  assert.deepEqual(shown.map(formatCount), [
    ...['0', '7', '999', '1,000', '12,346', '1,234,567', '-1,234', '100,000,000'],
  ]);
});
