import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { copy } from '../../src/tables/methods/copy/copy.ts';
import { native } from '../../src/tables/methods/native/native.ts';
import { exportRequest, memoryTarget, methodContext } from '../support/delta/context.ts';
import { deltaRows, expectedRows } from '../support/delta/rows.ts';
import { SampleLake } from '../support/delta/sample-lake.ts';

const lake = new SampleLake();
after(() => lake[Symbol.dispose]());
const elsewhere = (uri: string) => lake.bytes(uri);

for (const method of [native, copy])
  describe(`method ${method.name}`, () => {
    for (const [table, commit] of [
      ['orders', 'c1'],
      ['orders', 'c2'],
      ['users', 'c1'],
      ['v2', 'c1'],
      ['plain', 'c1'],
    ] as const) {
      it(`gives exactly the rows of ${table} at ${commit}`, async () => {
        const target = memoryTarget();
        const source = await lake.source(table, lake[commit]);
        const { exported, written } = await method.export(exportRequest(source, target), methodContext());
        assert.ok(written);
        assert.equal(exported.targetVersion, 0);
        const rows = expectedRows(table, commit);
        assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), rows);
        assert.equal(exported.totals.records, rows.length);
      });
    }

    it('carries only the difference in the next version, and keeps the one before', async () => {
      const target = memoryTarget();
      const first = await method.export(
        exportRequest(await lake.source('orders', lake.c1), target),
        methodContext(),
      );
      const second = await method.export(
        exportRequest(await lake.source('orders', lake.c2), target, first.exported),
        methodContext(),
      );
      assert.equal(second.exported.targetVersion, 1);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('orders', 'c2'));
      await target.store.delete(`${target.root}_delta_log/00000000000000000001.json`);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('orders', 'c1'));
    });
  });
