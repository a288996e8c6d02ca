import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundleFile } from '../support/temporal-engine.ts';

const { History } = proto.temporal.api.history.v1;
const folder = join(import.meta.dirname, '../fixtures/temporal');

test('jobs that began under an earlier version go on under this one', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const codePath = await bundleFile();
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json.gz'));
  assert.ok(files.length > 0);
  for (const name of files) {
    const recorded = JSON.parse(gunzipSync(await readFile(join(folder, name))).toString()) as {
      id: string;
      history: string;
    }[];
    const histories = recorded.map(({ id, history }) => ({
      workflowId: id,
      history: History.decode(Buffer.from(history, 'base64')),
    }));
    for await (const result of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories)) {
      assert.equal(result.error, undefined, `${name}: ${result.workflowId}: ${result.error?.message}`);
    }
  }
});
