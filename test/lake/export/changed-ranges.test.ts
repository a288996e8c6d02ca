import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangedRanges } from '../../../src/lake/export/changed-ranges.ts';
import type { Change } from '../../../src/lake/snapshot/snapshot.ts';

const entry = {} as Change['entry'];
const set = (path: string): Change => ({ path, type: 'changed', entry });
const gone = (path: string): Change => ({ path, type: 'removed' });
const changes = [
  [set('a/1'), set('a/2'), gone('a/3')],
  [set('a/4'), set('b/_delta_log/0.json'), set('b/_SUCCESS'), set('c')],
];

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('changes are gone through once, and each stage gets ranges that follow each other without a gap', async () => {
  let passes = 0;
  const ranges = new ChangedRanges(
    ['base'],
    async function* () {
      passes++;
      yield* changes;
    },
    2,
  );
  const base = 'base';
  assert.deepEqual(await all(ranges.of('data')), [
    { base, objects: 2, until: 'a/2' },
    { base, objects: 2, after: 'a/2', until: undefined },
  ]);
  assert.deepEqual(await all(ranges.of('metadata')), [{ base, objects: 1, until: undefined }]);
  assert.deepEqual(await all(ranges.of('markers')), [{ base, objects: 1, until: undefined }]);
  assert.deepEqual(await all(ranges.of('deletes')), [{ base, objects: 1, until: undefined }]);
  assert.equal(passes, 1);
});

test('a stage without changes has no ranges, whatever the others have', async () => {
  const ranges = new ChangedRanges(
    ['one', 'two'],
    async function* (base) {
      if (base === 'two') yield [gone('x'), gone('y')];
    },
    1,
  );
  assert.deepEqual(await all(ranges.of('data')), []);
  assert.deepEqual(await all(ranges.of('markers')), []);
  assert.deepEqual(await all(ranges.of('deletes')), [
    { base: 'two', objects: 1, until: 'x' },
    { base: 'two', objects: 1, after: 'x', until: undefined },
  ]);
});
