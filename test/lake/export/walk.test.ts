import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareKeys } from '../../../src/base/keys.ts';
import { isOwnKey } from '../../../src/lake/export/state.ts';
import { destinationObjects, walk } from '../../../src/lake/export/walk.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import fc from '../../property.ts';

const entry = (path: string) => ({ path, physicalAddress: '', checksum: '', size: 1, mtime: 0 });

async function* pages<T>(items: T[], size: number): AsyncGenerator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}

test('walking two sides gives every key of either once, in order, whatever the pages', async () => {
  const names = fc.uniqueArray(
    fc
      .array(fc.constantFrom('a', 'b', '/', '%', 'é', '\uFF21', '😀'), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('')),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(names, names, fc.integer({ min: 1, max: 7 }), async (left, right, size) => {
      const sorted = (all: string[]) => [...all].sort(compareKeys);
      const store = new MemoryStore('walk');
      for (const key of right) await store.put(`out/${key}`, Buffer.from('x'));
      const at = { store, root: 'out/', folder: '' };
      const seen: string[] = [];
      for await (const pairs of walk(
        pages(sorted(left).map(entry), size),
        destinationObjects(at, {}, ''),
        at,
      )) {
        for (const pair of pairs) {
          const key = pair.entry?.path ?? pair.object!.key.slice(4);
          assert.equal(pair.entry !== undefined, left.includes(key));
          assert.equal(pair.object !== undefined, right.includes(key));
          seen.push(key);
        }
      }
      assert.deepEqual(seen, sorted([...new Set([...left, ...right])]));
    }),
    { numRuns: 60 },
  );
});

test('a range of paths meets only its own objects, and never what Sluice wrote', async () => {
  const store = new MemoryStore('walk');
  for (const key of ['_sluice/default/state.json', 'EXPORT_main_1_SUCCESS', 'EXPORT_data', 'a', 'b', 'c']) {
    await store.put(`to/${key}`, Buffer.from('x'));
  }
  const at = { store, root: 'to/', folder: 'from/' };
  const seen: string[] = [];
  for await (const page of destinationObjects(at, { after: 'from/a', until: 'from/b' }, 'from/'))
    seen.push(...page.map((o) => o.key));
  assert.deepEqual(seen, ['to/b']);
  await store.put('to/deep/x/3', Buffer.from('x'));
  const deep: string[] = [];
  const range = { after: 'from/deep/x/1', until: 'from/deep/x/4' };
  for await (const page of destinationObjects(at, range, 'from/')) deep.push(...page.map((o) => o.key));
  assert.deepEqual(deep, ['to/deep/x/3']);
  await store.delete('to/deep/x/3');
  const all: string[] = [];
  for await (const page of destinationObjects(at, {}, 'from/')) all.push(...page.map((o) => o.key));
  assert.deepEqual(all, ['to/EXPORT_data', 'to/a', 'to/b', 'to/c']);
  assert.equal(isOwnKey('EXPORT_main_abc_FAILURE'), true);
});
