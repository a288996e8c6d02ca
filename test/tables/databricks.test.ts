import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { databricksRest } from '../../src/tables/databricks/connection.ts';
import { runNotebook } from '../../src/tables/databricks/jobs.ts';
import { Workspace, type WorkspaceOptions } from '../support/databricks/workspace.ts';

describe('a notebook run by the Jobs API', () => {
  let workspace: Workspace;
  afterEach(() => workspace.close());
  const notebook = {
    runName: 'orders',
    clusterId: 'c1',
    notebookPath: '/Shared/clone',
    parameters: { source_path: 's3a://repo/c/orders', target_path: 's3://t/orders' },
    idempotencyToken: 'once',
  };
  const run = async (
    options: WorkspaceOptions,
    { timeout = 5000, signal = new AbortController().signal, faults = [] as Workspace['faults'] } = {},
  ) => {
    workspace = await new Workspace(options).start();
    workspace.faults.push(...faults);
    const rest = databricksRest({ host: workspace.url, token: workspace.token });
    return await runNotebook(rest, notebook, { first: 5, most: 20, timeout }, signal);
  };

  it('waits for a cold cluster and gives its parameters to the notebook', async () => {
    const seen: Record<string, string>[] = [];
    const ended = await run({ coldStart: 100, notebook: async (parameters) => void seen.push(parameters) });
    assert.deepEqual(seen, [notebook.parameters]);
    assert.match(ended.page, /#run\/1$/);
  });

  it('is one run also when the answer to its submission is lost', async () => {
    let runs = 0;
    await run(
      { notebook: async () => void runs++ },
      {
        faults: [
          { on: /submit/, give: 'cut', done: true },
          { on: /runs\/get/, give: 429 },
        ],
      },
    );
    assert.equal(runs, 1);
    assert.equal(workspace.runs.size, 1);
  });

  it('tells its own error, and where to read more', async () => {
    const failing = run({
      notebook: async () => {
        throw new Error('[DELTA_TABLE_NOT_FOUND] no table at s3a://repo/c/orders');
      },
    });
    await assert.rejects(failing, (error) => {
      assert.match(
        (error as Error).message,
        /Run 1 of \/Shared\/clone ended as FAILED: \[DELTA_TABLE_NOT_FOUND\].*See http/,
      );
      return isError(error) && !error.retryable;
    });
  });

  it('is canceled there when it takes too long, or when the work is canceled here', async () => {
    const never = { notebook: () => new Promise<void>(() => {}) };
    await assert.rejects(run(never, { timeout: 60 }), (error) => isError(error, 'TIMEOUT'));
    assert.equal(workspace.runs.get(1)!.state.result_state, 'CANCELED');
    await workspace.close();
    const stop = new AbortController();
    const stopped = {
      notebook: () => {
        stop.abort();
        return new Promise<void>(() => {});
      },
    };
    await assert.rejects(run(stopped, { signal: stop.signal }));
    assert.equal(workspace.runs.get(1)!.state.result_state, 'CANCELED');
  });
});
