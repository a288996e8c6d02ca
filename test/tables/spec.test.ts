import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { isError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/json.ts';
import { parseDescriptor } from '../../src/tables/descriptors.ts';
import { tableArguments } from '../../src/tables/export/hook-args.ts';
import { parseTableExportSpec } from '../../src/tables/export/spec.ts';
import { schemaName, tableName, targetUri } from '../../src/tables/names.ts';

const ARGS = `
table_defs: [my_table.yaml]
table_descriptors_path: _lakefs_tables
target_base_location: "abfss://container@account.dfs.core.windows.net/lakefs-exports"
databricks:
  host: "https://your-workspace.azuredatabricks.net"
  token: "dapiXXXX"
  cluster_id: "0123-456789-abcdefgh"
  notebook_path: "/Shared/lakefs/shallow_clone"
  warehouse_id: "abcdef1234567890"`;
const indented = ARGS.replaceAll('\n', '\n        ');
const ACTION = `
name: unity-catalog-export-shallow-clone
on: {branches: [main]}
hooks:
  - id: unity_export_shallow_clone
    type: lua
    properties:
      script_path: examples/hooks/unity_table_export_shallow_clone.lua
      args:${indented}`;

describe('settings of a table export', () => {
  for (const [what, text] of [
    ['the arguments of the hook', ARGS],
    ['a whole action', ACTION],
  ] as const) {
    it(`takes ${what} as they are, and keeps the secret out of the job`, () => {
      const { settings, connections } = tableArguments(parse(text) as Json, 'repo');
      const spec = parseTableExportSpec({ ...settings, source: 'lakefs://repo/main' });
      assert.equal(spec.method, 'databricks');
      assert.equal(spec.catalog!.connection, spec.databricks!.connection);
      assert.deepEqual(spec.table_defs, ['my_table.yaml']);
      assert.doesNotMatch(JSON.stringify(spec), /dapi/);
      assert.equal(connections[0]!.token, 'dapiXXXX');
    });
  }

  it('takes the entry of its repository from a list of tables', () => {
    const entry = (repository: string) => ({ repository, target_base_location: `s3://t/${repository}` });
    const { settings } = tableArguments({ tables: [entry('a'), entry('b')] }, 'b');
    assert.equal(settings.target_base_location, 's3://t/b');
    assert.throws(() => tableArguments({ tables: [entry('a')] }, 'b'), /no entry for the repository "b"/);
  });

  it('says what is wrong', () => {
    const base = { source: 'lakefs://repo/main', target_base_location: 's3://t' };
    assert.equal(parseTableExportSpec(base).method, 'native');
    for (const [more, why] of [
      [{ method: 'magic' }, /"method" is "magic"; it can be native/],
      [{ methods: { a: 'databricks' } }, /needs "cluster_id" and "notebook_path"/],
      [{ method: 'spark' }, /needs "command"/],
      [{ targt: 1 }, /no setting "targt"/],
      [{ databricks: { token: 'dapi' } }, /does not carry secrets/],
    ] as const) {
      assert.throws(
        () => parseTableExportSpec({ ...base, ...more } as Json),
        (error) => isError(error, 'BAD_SPEC') && why.test(error.message) && !error.message.includes('dapi'),
      );
    }
  });
});

describe('descriptors and names', () => {
  it('a descriptor says what is missing in it', () => {
    const read = (text: string) => parseDescriptor(text, '_lakefs_tables/t.yaml');
    assert.deepEqual(read('name: t\ntype: delta\npath: /tables/t/').root, 'tables/t/');
    for (const [text, why] of [
      ['type: delta\npath: a', /"name" is missing/],
      ['name: t\ntype: delta', /"path" is missing/],
      ['name: t\ntype: delta\npath: /', /whole repository/],
      ['name: ../t\ntype: delta\npath: a', /characters other than/],
      ['name: t\ntype: iceberg\npath: a', /type "iceberg"/],
      ['- a', /holds no fields/],
    ] as const) {
      assert.throws(() => read(text), why);
    }
  });

  it('names follow the catalog, places the branch', () => {
    assert.equal(tableName('my-table'), 'my_table');
    assert.equal(schemaName('{repository}_{branch}', { repository: 'lake', branch: 'dev-1' }), 'lake_dev-1');
    assert.throws(
      () => schemaName('a.{branch}', { repository: 'lake', branch: 'main' }),
      /cannot be the name/,
    );
    assert.equal(targetUri('s3://t/lake/', 'main', 'orders'), 's3://t/lake/main/orders');
  });
});
