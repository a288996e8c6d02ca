import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Json } from '../../src/base/json.ts';
import { Workspace } from '../support/databricks/workspace.ts';
import { expectedRows, rowTexts, SAMPLES } from '../support/delta/rows.ts';
import { TableApp, tablesOf } from '../support/delta/table-app.ts';
import { PACKAGES, SparkSession } from '../support/spark/session.ts';
import { CACHE, installed } from './install.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const NOTEBOOK = join(ROOT, 'notebooks/shallow_clone.py');

describe('tables as other readers see them', () => {
  let spark: SparkSession;
  let user: TableApp;
  let workspace: Workspace;
  before(async () => {
    spark = await SparkSession.start();
    // The workspace's cluster reads the lake at file paths here, which stand for the S3 gateway's.
    workspace = await new Workspace({
      coldStart: 300,
      notebook: (parameters) => spark.run(NOTEBOOK, parameters),
    }).start();
    user = await new TableApp().start([
      { name: 'work', type: 'databricks', host: workspace.url, token: workspace.token, warehouse_id: 'w' },
    ]);
  });
  after(async () => {
    await user?.close();
    await workspace?.close();
    await spark?.close();
  });

  /** Exports both commits; the first stays readable as the version before. */
  const exportBoth = async (method: string, place: string, more: { [key: string]: Json } = {}) => {
    const target = `${user.target}/${place}`;
    const addresses = { 'local:///lake/': `file://${user.lake.folder}` };
    for (const commit of [user.lake.c1, user.lake.c2]) {
      const job = await user.export(commit, { method, target_base_location: target, addresses, ...more });
      assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
    }
    return (table: string) => `${target.replace('file://', '')}/main/${table}`;
  };

  for (const method of ['native', 'copy']) {
    it(`Spark reads what ${method} wrote, at both commits`, async () => {
      const at = await exportBoth(method, method);
      for (const [table, commit] of SAMPLES) {
        const version = table === 'orders' && commit === 'c2' ? 1 : 0;
        const rows = rowTexts(await spark.read(at(table), version));
        assert.deepEqual(rows, expectedRows(table, commit), `${table} at ${commit}`);
      }
    });
  }

  for (const reader of ['delta-rs', 'duckdb']) {
    it(`${reader} reads what copy wrote`, async () => {
      const at = await exportBoth('copy', `copy-${reader}`);
      const python = await installed('python');
      const script = join(ROOT, 'test/support/delta/read_delta.py');
      for (const [table, commit] of SAMPLES) {
        if (table === 'orders' && commit === 'c1') continue;
        const { stdout } = await run(python, [script, reader, at(table)], { maxBuffer: 1 << 26 });
        assert.deepEqual(
          rowTexts(stdout.trim().split('\n')),
          expectedRows(table, commit),
          `${table} at ${commit}`,
        );
      }
    });
  }

  /** The sample tables as folders, one for each commit, where Spark finds them. */
  const inFolders = async () => {
    for (const commit of [user.lake.c1, user.lake.c2]) {
      await user.lake.intoFolder(commit, join(user.folder, 'lakefs', commit));
    }
    return `file://${user.folder}/lakefs/{commit}/{path}`;
  };

  it('a workspace that runs the notebook gives the same rows, and registers the tables', async () => {
    const source_template = await inFolders();
    const at = await exportBoth('databricks', 'databricks', {
      source_template,
      databricks: {
        connection: 'work',
        cluster_id: 'c',
        notebook_path: '/Shared/shallow_clone',
        warehouse_id: 'w',
      },
      catalog: { connection: 'work', name: 'main' },
    });
    for (const [table, commit] of SAMPLES) {
      if (table === 'orders' && commit === 'c1') continue;
      assert.deepEqual(rowTexts(await spark.read(at(table))), expectedRows(table, commit), table);
      assert.equal(workspace.tables.get(`main.main.${table}`)?.storage_location, `file://${at(table)}`);
    }
  });

  it('a notebook that fails is told with its own words and its page', async () => {
    const job = await user.export(user.lake.c2, {
      method: 'databricks',
      target_base_location: `${user.target}/failing`,
      source_template: `file://${user.folder}/nowhere/{path}`,
      table_defs: ['plain'],
      databricks: { connection: 'work', cluster_id: 'c', notebook_path: '/Shared/shallow_clone' },
    });
    assert.equal(job.status, 'FAILED');
    const { message } = tablesOf(job).plain!.error as { message: string };
    assert.match(message, /Run \d+ of \/Shared\/shallow_clone ended as FAILED: .*(DELTA|not a Delta table)/s);
    assert.match(message, /#run\/\d+/);
  });

  it('open-source Spark as a command gives the same rows', async () => {
    const python = await installed('python');
    const command = join(user.folder, 'clone.sh');
    const script = join(ROOT, 'notebooks/spark_shallow_clone.py');
    const settings = ['spark.jars.packages', PACKAGES, 'spark.jars.ivy', join(CACHE, 'ivy')];
    const confs = [
      `${settings[0]}=${settings[1]}`,
      `${settings[2]}=${settings[3]}`,
      'spark.ui.enabled=false',
    ];
    writeFileSync(
      command,
      `#!/bin/sh\nexec ${python} ${script} ${confs.map((conf) => `--conf ${conf}`).join(' ')} "$@"\n`,
    );
    chmodSync(command, 0o755);
    const at = await exportBoth('spark', 'spark', {
      source_template: await inFolders(),
      spark: { command: [command] },
      table_defs: ['orders'],
    });
    assert.deepEqual(rowTexts(await spark.read(at('orders'))), expectedRows('orders', 'c2'));
  });
});
