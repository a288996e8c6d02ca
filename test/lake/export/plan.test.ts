import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Part } from '../../../src/jobs/part.ts';
import { LakeExportKind } from '../../../src/lake/export/kind.ts';
import { lakeBench } from '../../support/lake-export.ts';

test('a plan goes on after any of its parts, and not where it would leave a gap', async (t) => {
  const { lake, context } = await lakeBench(t);
  for (let i = 0; i < 2500; i++) await lake.put('main', `d/${String(i).padStart(4, '0')}`, 'x');
  await lake.commit('main', 'A');
  const planned = async (after?: string): Promise<Part[]> => {
    const kind = new LakeExportKind();
    const spec = kind.parse({ source: 'lakefs://repo/main', destination: 'memory://out' });
    const parts: Part[] = [];
    for await (const batch of kind.plan(await kind.prepare(spec, context), context, after)) {
      parts.push(...batch);
    }
    return parts;
  };
  const whole = await planned();
  assert.ok(whole.length >= 4, `${whole.length} parts`);
  for (const [index, { id }] of whole.entries()) {
    assert.deepEqual(await planned(id), whole.slice(index + 1));
  }
  // Cut by the listing, as where the metadata may not be read, the ranges end elsewhere.
  lake.server.faults.add({ path: /metadata/, status: 403 });
  await assert.rejects(planned(whole[0]!.id), { code: 'CONFLICT', message: /planned in part/ });
  await assert.rejects(planned(whole[1]!.id), { code: 'CONFLICT' });
  // All data was planned before it: where that was cut does not matter any more.
  assert.deepEqual(await planned(whole[2]!.id), whole.slice(3));
});
