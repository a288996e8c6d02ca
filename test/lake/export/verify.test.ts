import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseLakeExportSpec } from '../../../src/lake/export/spec.ts';
import { verifyExport } from '../../../src/lake/export/verify.ts';
import { lakeBench } from '../../support/lake-export.ts';

test('a destination that fails while differences are shown ends the verification with its error', async (t) => {
  const { lake, app, context } = await lakeBench(t);
  await lake.put('main', 'a', '1');
  await lake.put('main', 'c', '1');
  await lake.commit('main', 'A');
  const { store } = await app.open('memory://verified');
  await store.put('b', Buffer.from('theirs'));
  store.head = async () => {
    throw Object.assign(new Error('the link broke'), { code: 'ECONNRESET' });
  };
  const spec = parseLakeExportSpec({ source: 'lakefs://repo/main', destination: 'memory://verified' });
  // The reader of the differences is slow: the failure is there long before anyone waits for it.
  const show = () => sleep(50);
  await assert.rejects(verifyExport(spec, context, { show }), { code: 'ECONNRESET' });
});
