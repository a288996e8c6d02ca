import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import type { CatalogTable } from '../../src/tables/catalogs/catalog.ts';
import { DatabricksCatalog } from '../../src/tables/catalogs/databricks.ts';
import { UnityCatalog } from '../../src/tables/catalogs/unity/catalog.ts';
import { unityColumns } from '../../src/tables/catalogs/unity/columns.ts';
import { unityRest } from '../../src/tables/catalogs/unity/connection.ts';
import { databricksRest, parseDatabricksConnection } from '../../src/tables/databricks/connection.ts';
import type { MetaData } from '../../src/tables/delta/actions.ts';
import { Workspace } from '../support/databricks/workspace.ts';

const signal = new AbortController().signal;
const quick = { first: 5, most: 20, timeout: 5000 };

const metaData = (fields: object[], partitionColumns: string[] = []): MetaData => ({
  id: 'x',
  format: { provider: 'parquet' },
  schemaString: JSON.stringify({ type: 'struct', fields }),
  partitionColumns,
});
const id = { name: 'id', type: 'long', nullable: false, metadata: {} };
const table = (more: Partial<CatalogTable> = {}): CatalogTable => ({
  schema: 'main',
  name: 'orders',
  location: 's3://tables/main/orders',
  metaData: metaData([id]),
  comment: 'from a lake',
  ...more,
});

describe('catalogs', () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await new Workspace().start();
  });
  after(() => workspace.close());
  beforeEach(() => {
    for (const set of [workspace.catalogs, workspace.schemas, workspace.tables]) set.clear();
    workspace.gaps.length = 0;
    workspace.statements.length = 0;
  });
  const unity = (options = {}) =>
    new UnityCatalog(
      unityRest({ url: workspace.url, token: workspace.token }, { pause: 10 }),
      'lake',
      options,
    );
  const databricks = (auth: object = { token: workspace.token }) =>
    new DatabricksCatalog(
      databricksRest(
        parseDatabricksConnection({ name: 'work', type: 'databricks', host: workspace.url, ...auth }),
      ),
      'w1',
      'la`ke',
      quick,
    );

  it('open-source Unity Catalog: makes catalog, schema and table, then leaves it in place', async () => {
    const first = await unity().register(table(), signal);
    assert.deepEqual(first, { fullName: 'lake.main.orders', action: 'created' });
    const made = workspace.tables.get('lake.main.orders')!;
    assert.equal(made.table_type, 'EXTERNAL');
    assert.equal(made.storage_location, 's3://tables/main/orders');
    assert.equal((await unity().register(table(), signal)).action, 'unchanged');
    const wider = table({ metaData: metaData([id, { ...id, name: 'more' }]) });
    const left = await unity().register(wider, signal);
    assert.equal(left.action, 'unchanged');
    assert.match(
      left.warning!,
      /lake\.main\.orders shows the columns that it was made with .*replace_columns/,
    );
    assert.deepEqual(workspace.gaps, []);
    assert.equal((await unity({ replaceColumns: true }).register(wider, signal)).action, 'refreshed');
    assert.equal(workspace.tables.get('lake.main.orders')!.columns!.length, 2);
  });

  it('a table of another kind under the name is not touched', async () => {
    await unity().register(table(), signal);
    workspace.tables.get('lake.main.orders')!.table_type = 'MANAGED';
    await assert.rejects(unity().register(table(), signal), (error) => isError(error, 'CONFLICT'));
    assert.ok(workspace.tables.has('lake.main.orders'));
  });

  it('goes on through throttling, a lost answer and an outage', async () => {
    workspace.faults.push(
      { on: /GET .*catalogs/, give: 429 },
      { on: /POST .*schemas/, give: 'cut', done: true },
      { on: /POST .*tables/, give: 503 },
      { on: /POST .*tables/, give: 'cut', done: true },
    );
    assert.equal((await unity().register(table(), signal)).action, 'created');
    assert.equal(workspace.faults.length, 0);
    assert.equal(workspace.tables.size, 1);
  });

  it('Databricks: everything quoted, refreshed in place, moved only when the place is another', async () => {
    const odd = table({ schema: 'a-b', location: "s3://tables/it's\\here" });
    assert.equal((await databricks().register(odd, signal)).action, 'created');
    assert.deepEqual([...workspace.schemas], ['la`ke.a-b']);
    assert.equal(workspace.tables.get('la`ke.a-b.orders')!.storage_location, "s3://tables/it's\\here");
    assert.equal((await databricks().register(odd, signal)).action, 'refreshed');
    assert.deepEqual(workspace.gaps, []);
    assert.equal((await databricks().register({ ...odd, location: 's3://b/c' }, signal)).action, 'moved');
    await databricks().drop('la`ke.a-b.orders', signal);
    assert.equal(workspace.tables.size, 0);
  });

  it('Databricks: signs in with a client id and secret, again when the token is refused', async () => {
    const { id: client_id, secret: client_secret } = workspace.client;
    const catalog = databricks({ client_id, client_secret });
    await catalog.register(table(), signal);
    workspace.requests.length = 0;
    await databricks({ client_id, client_secret }).register(table(), signal);
    await catalog.register(table(), signal);
    assert.ok(workspace.requests.filter((call) => call.includes('/oidc/')).length >= 2);
  });

  it('a warehouse that never answers is canceled and says so', async () => {
    const stuck = await new Workspace({ hang: /CREATE SCHEMA/ }).start();
    const rest = databricksRest({ host: stuck.url, token: stuck.token });
    const catalog = new DatabricksCatalog(rest, 'w1', 'lake', { ...quick, timeout: 60 });
    await assert.rejects(catalog.register(table(), signal), (error) => {
      assert.ok(isError(error, 'TIMEOUT'));
      assert.match(error.message, /CREATE SCHEMA/);
      assert.doesNotMatch(error.message, /dapi/);
      return true;
    });
    assert.ok(stuck.requests.some((call) => call.endsWith('/cancel')));
    await stuck.close();
  });
});

describe('columns of a Delta table for Unity Catalog', () => {
  it('covers nested types, decimals, partitions and mapped names', () => {
    const nested = {
      type: 'struct',
      fields: [{ name: 'a b', type: 'integer', nullable: true, metadata: { 'delta.columnMapping.id': 4 } }],
    };
    const columns = unityColumns(
      metaData(
        [
          { name: 'amount', type: 'decimal(10,2)', nullable: true, metadata: { comment: 'in euros' } },
          {
            name: 'tags',
            type: { type: 'array', elementType: 'string', containsNull: true },
            nullable: true,
            metadata: {},
          },
          {
            name: 'by',
            type: { type: 'map', keyType: 'string', valueType: nested, valueContainsNull: true },
            nullable: true,
            metadata: {},
          },
          { name: 'day', type: 'date', nullable: true, metadata: {} },
        ],
        ['day'],
      ),
    );
    assert.deepEqual(
      columns.map(({ type_name, type_text, type_precision, type_scale, partition_index, comment }) => [
        type_name,
        type_text,
        type_precision,
        type_scale,
        partition_index,
        comment,
      ]),
      [
        ['DECIMAL', 'decimal(10,2)', 10, 2, undefined, 'in euros'],
        ['ARRAY', 'array<string>', undefined, undefined, undefined, undefined],
        ['MAP', 'map<string,struct<`a b`:int>>', undefined, undefined, undefined, undefined],
        ['DATE', 'date', undefined, undefined, 0, undefined],
      ],
    );
    assert.doesNotMatch(columns[2]!.type_json, /columnMapping/);
  });
});
