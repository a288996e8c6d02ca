import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportStatus } from '../../src/vectors/export/status.ts';
import type { WeaviateClient } from '../../src/vectors/weaviate/client.ts';
import { until } from '../support/until.ts';
import { type VectorJobs, vectorJobs } from '../support/vector-jobs.ts';
import { startCluster, type WeaviateCluster } from './vectors/cluster.ts';
import { clientOf, manyObject, put } from './vectors/fill.ts';

const COUNT = 6000;
/** Few, so that there are many parts and the export takes its time. */
const FILE_ROWS = 50;
const TENANTS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];

describe('a cluster of three Weaviates', () => {
  let cluster: WeaviateCluster;
  let client: WeaviateClient;
  let jobs: VectorJobs;

  before(async () => {
    cluster = await startCluster(3);
    client = clientOf(cluster.nodes[0]!);
    jobs = await vectorJobs();
    const properties = ['title', 'number'].map((name, i) => ({ name, dataType: [i === 0 ? 'text' : 'int'] }));
    const common = { vectorizer: 'none', vectorIndexType: 'flat', properties };
    await client.createClass({ ...common, class: 'Sharded', shardingConfig: { desiredCount: 3 } });
    await client.createClass({
      ...common,
      class: 'Replicated',
      shardingConfig: { desiredCount: 3 },
      replicationConfig: { factor: 3 },
    });
    await client.createClass({ ...common, class: 'Spread', multiTenancyConfig: { enabled: true } });
    await client.addTenants('Spread', TENANTS);
    for (const name of ['Sharded', 'Replicated', 'Spread']) {
      const schema = (await client.classNamed(name))!;
      for (const tenant of name === 'Spread' ? TENANTS : [undefined]) {
        const count = tenant === undefined ? COUNT : 100;
        for (let from = 0; from < count; from += 500) {
          const numbers = Array.from({ length: Math.min(500, count - from) }, (_, i) => from + i);
          await put(client, schema, numbers.map(manyObject), tenant);
        }
      }
    }
    await sleep(1100);
  });
  after(async () => {
    await client?.close();
    await jobs?.close();
    await cluster?.stop();
  });

  const idsOf = async (file: string) => (await jobs.rows(file)).map((row) => row.object.id);
  const all = (count: number) => Array.from({ length: count }, (_, i) => manyObject(i).id).sort();

  test('shards and tenants of all nodes are read through any one of them, into one export', async () => {
    const job = await jobs.export(cluster.nodes[1]!, 'merged', {});
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    for (const name of ['Sharded', 'Replicated']) {
      assert.deepEqual(await idsOf(`merged/${name}.parquet`), all(COUNT), name);
    }
    const rows = await jobs.rows('merged/Spread.parquet');
    for (const tenant of TENANTS) {
      const own = rows.filter((row) => row.tenant === tenant).map((row) => row.object.id);
      assert.deepEqual(own, all(100), tenant);
    }
    assert.deepEqual(job.report.verification.counts, { agreed: 8, ids: 0, full: 0, unseen: 0 });
  });

  test('objects are told by shard where the nodes count as many as were written, else for all shards as one', async () => {
    const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
    // The nodes' counts come late, and some never come right.
    for (let i = 0; i < 20 && sum(await client.shardCounts('Sharded')) !== COUNT; i++) await sleep(500);
    const names = Object.keys(await client.shardCounts('Sharded')).sort();
    assert.equal(names.length, 3);
    const job = await jobs.export(cluster.nodes[2]!, 'shards', { include: ['Sharded'] });
    assert.equal(job.status, 'SUCCESS', job.error?.message);
    const { shards } = job.report.classes.Sharded!;
    const { shardStatus } = await exportStatus(jobs.engine, await jobs.engine.get('shards'));
    const told = Object.fromEntries(
      Object.entries(shardStatus.Sharded!).map(([name, shard]) => [name, shard.objectsExported]),
    );
    if (shards) assert.deepEqual(told, shards);
    assert.equal(sum(told), COUNT);
    assert.deepEqual(Object.keys(told).join(',').split(',').sort(), names);
  });

  test('a node that dies in mid-export: replicas are read on, a shard without one fails by name and can be resumed', async () => {
    const more = { include: ['Replicated', 'Sharded'], fileRows: FILE_ROWS };
    const through = cluster.nodes[0]!;
    const running = jobs.export(through, 'dying', more);
    await until(async () => {
      const job = await jobs.engine.get('dying').catch(() => undefined);
      return (job?.progress.counts.objects ?? 0) > 0;
    }, 2);
    await cluster.kill(2);
    const job = await running;
    assert.equal(job.status, 'FAILED');
    const failed = Object.entries(job.report.classes).filter(([, { errors }]) => errors.length > 0);
    assert.deepEqual(
      failed.map(([name]) => name),
      ['Sharded'],
    );
    await cluster.restart(2);
    await jobs.engine.resume('dying');
    const resumed = await jobs.engine.wait('dying');
    assert.equal(resumed.status, 'SUCCESS', resumed.error?.message);
    for (const name of ['Sharded', 'Replicated']) {
      const ids: string[] = [];
      for (let i = 0; i < COUNT / FILE_ROWS; i++) {
        ids.push(...(await idsOf(`dying/${name}/${String(i).padStart(5, '0')}.parquet`)));
      }
      assert.deepEqual(ids, all(COUNT), name);
    }
  });
});
