import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Connection } from '../../src/base/connections.ts';
import { expectedRows, rowTexts, SAMPLES } from '../support/delta/rows.ts';
import { RECORDED } from '../support/delta/sample-lake.ts';
import { TableApp } from '../support/delta/table-app.ts';
import { SparkSession } from '../support/spark/session.ts';
import { type S3Server, startMinio } from './harness.ts';

/** Where the lake keeps its objects: a key that must be encoded in a log, and must not be decoded twice. */
const NAMESPACE = 'my lake/100%25/é#1/';

describe('tables in an object store, read by Spark through S3A', () => {
  let minio: S3Server;
  let spark: SparkSession;
  let user: TableApp;
  before(async () => {
    minio = await startMinio({ buckets: ['lakefs-data', 'tables'] });
    const s3: Connection = {
      name: 'minio',
      type: 's3',
      endpoint: minio.endpoint,
      region: minio.region,
      path_style: true,
      access_key_id: minio.accessKeyId,
      secret_access_key: minio.secretAccessKey,
    };
    user = await new TableApp().start([s3]);
    const { store, path } = await user.app.open(`s3://lakefs-data/${NAMESPACE}`, { connection: 'minio' });
    for (const name of readdirSync(user.lake.folder, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const file = join(name.parentPath, name.name);
      await store.put(path + file.slice(user.lake.folder.length), readFileSync(file));
    }
    spark = await SparkSession.start({
      'spark.hadoop.fs.s3a.endpoint': minio.endpoint,
      'spark.hadoop.fs.s3a.endpoint.region': minio.region,
      'spark.hadoop.fs.s3a.access.key': minio.accessKeyId,
      'spark.hadoop.fs.s3a.secret.key': minio.secretAccessKey,
      'spark.hadoop.fs.s3a.path.style.access': 'true',
      // Addresses as lakeFS gives them.
      'spark.hadoop.fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    });
  });
  after(async () => {
    await spark?.close();
    await user?.close();
    await minio?.stop();
  });

  for (const [method, scheme] of [
    ['native', 's3a'],
    ['native', 's3'],
    ['copy', 's3a'],
  ] as const) {
    it(`Spark reads what ${method} wrote (${scheme}://), at both commits`, async () => {
      const place = `tables/${method}-${scheme}`;
      for (const commit of [user.lake.c1, user.lake.c2]) {
        const job = await user.export(commit, {
          method,
          target_base_location: `s3://${place}`,
          target_connection: 'minio',
          addresses: { [RECORDED]: `${scheme}://lakefs-data/${NAMESPACE}` },
        });
        assert.equal(job.status, 'SUCCESS', JSON.stringify(job.report));
      }
      for (const [table, commit] of SAMPLES) {
        const version = table === 'orders' && commit === 'c2' ? 1 : 0;
        const rows = rowTexts(await spark.read(`${scheme}://${place}/main/${table}`, version));
        assert.deepEqual(rows, expectedRows(table, commit), `${table} at ${commit}`);
      }
    });
  }
});
