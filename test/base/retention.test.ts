import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Keep, keptBy } from '../../src/base/retention.ts';
import fc from '../property.ts';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);
const kept = (copies: number[], keep: Keep, timeZone?: string): string[] =>
  [...keptBy(copies, keep, (copy) => copy, timeZone).keys()]
    .sort((a, b) => b - a)
    .map((copy) => new Date(copy).toISOString().slice(0, 13));

describe('what is kept of a row of copies', () => {
  it('is all of it where nothing is said', () => {
    assert.equal(kept([1, 2, 3], {}).length, 3);
  });

  it('is the newest of each of so many hours, days, weeks and months that have one', () => {
    const copies = [
      '2026-11-21T12:00Z',
      '2026-11-21T11:50Z',
      '2026-11-21T11:10Z',
      '2026-11-20T02:00Z',
      '2026-11-15T02:00Z',
      '2026-11-02T02:00Z',
      '2026-09-30T02:00Z',
    ].map(at);
    assert.deepEqual(kept(copies, { last: 2 }), ['2026-11-21T12', '2026-11-21T11']);
    assert.deepEqual(kept(copies, { hourly: 2 }), ['2026-11-21T12', '2026-11-21T11']);
    assert.deepEqual(kept(copies, { daily: 2 }), ['2026-11-21T12', '2026-11-20T02']);
    // The 15th is a Sunday, the end of the week before.
    assert.deepEqual(kept(copies, { weekly: 2 }), ['2026-11-21T12', '2026-11-15T02']);
    assert.deepEqual(kept(copies, { monthly: 3 }), ['2026-11-21T12', '2026-09-30T02']);
    assert.deepEqual(kept(copies, { daily: 2, monthly: 2 }), [
      '2026-11-21T12',
      '2026-11-20T02',
      '2026-09-30T02',
    ]);
  });

  it('goes by the days of the time zone', () => {
    const copies = ['2026-11-20T23:30Z', '2026-11-20T22:30Z'].map(at);
    assert.equal(kept(copies, { daily: 9 }).length, 1);
    assert.equal(kept(copies, { daily: 9 }, 'Europe/Berlin').length, 2);
  });

  it('always has the newest, and never more than was asked for', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 24 * 400 }), { minLength: 1, maxLength: 60 }),
        fc.record({
          last: fc.integer({ min: 1, max: 5 }),
          hourly: fc.integer({ min: 1, max: 5 }),
          daily: fc.integer({ min: 1, max: 5 }),
          weekly: fc.integer({ min: 1, max: 5 }),
          monthly: fc.integer({ min: 1, max: 5 }),
        }),
        (hours, keep) => {
          const copies = [...new Set(hours)].map((hour) => ({ at: hour * HOUR }));
          const left = keptBy(copies, keep, (copy) => copy.at);
          const newest = copies.reduce((a, b) => (a.at > b.at ? a : b));
          assert.ok(left.has(newest));
          assert.ok(left.size <= Object.values(keep).reduce((sum, count) => sum + count, 0));
        },
      ),
    ));
});
