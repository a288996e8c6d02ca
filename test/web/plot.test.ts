import assert from 'node:assert/strict';
import { it } from 'node:test';
import { axisFor, layBars, linePath, median, withoutZeros } from '../../src/web/page/plot.ts';

it('marks an axis with round numbers that reach the highest value', () => {
  assert.deepEqual(axisFor(90).marks, [0, 20, 40, 60, 80]);
  assert.deepEqual(axisFor(1500, 2).marks, [0, 512, 1024]);
  assert.deepEqual(axisFor(0), { top: 1, marks: [0] });
  for (const highest of [0.3, 1, 7, 12, 999, 1e9]) {
    const { top, marks } = axisFor(highest);
    assert.ok(top >= highest && marks.length >= 2 && marks.length <= 6, `${highest}: ${marks}`);
  }
});

it('lays bars into the space there is, and shows the smallest', () => {
  const bars = layBars([0, 0.001, 10], 10, { width: 30, height: 100, most: 10 });
  assert.equal(bars[0]!.height, 0);
  assert.equal(bars[1]!.height, 1);
  assert.deepEqual([bars[2]!.y, bars[2]!.height], [0, 100]);
  const many = layBars(new Array(200).fill(1), 1, { width: 400, height: 10 });
  assert.ok(many.at(-1)!.x + many.at(-1)!.width <= 400);
});

it('draws a line from left to right', () => {
  assert.equal(linePath([0, 5, 10], { width: 20, height: 10 }), 'M0 10L10 5L20 0');
});

it('leaves out zeros that say nothing', () => {
  const shown = ['64.0 MiB', '1.00 GiB', '1.50 GiB', '100 KiB', '5.0s', '0.5s', '10s', '0 B'];
  assert.deepEqual(shown.map(withoutZeros), [
    ...['64 MiB', '1 GiB', '1.5 GiB', '100 KiB', '5s', '0.5s', '10s', '0 B'],
  ]);
});

it('finds the middle value', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1]), 2.5);
  assert.equal(median([]), undefined);
});
