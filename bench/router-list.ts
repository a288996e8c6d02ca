/**
 * Lists 100,000 keys through a router with 10 overlapping mappings, and the same objects by plain listings of
 * each target; exits 1 when the router costs more than 1.5 times as much or shows anything else.
 *
 *     node bench/router-list.ts             in memory: the router's own work
 *     node bench/router-list.ts --minio     a real MinIO, where requests count (a number: so many keys)
 */
import { connectionsOf } from '../src/base/connections.ts';
import { compareKeys } from '../src/base/keys.ts';
import { Limiter } from '../src/base/limiter.ts';
import { checkRouting } from '../src/router/mapping.ts';
import { createRouter } from '../src/router/router.ts';
import { storeOpener } from '../src/stores/open.ts';
import { storeProviders } from '../src/stores/providers.ts';
import type { Store } from '../src/stores/store.ts';
import { type S3Server, startMinio } from '../test/servers/harness.ts';

const KEYS = Number(process.argv.find((arg) => /^\d+$/.test(arg)) ?? 100_000);
const ROUNDS = 7;
const LIMIT = 1.5;
const BUCKETS = ['old', 'lake', 'fast'];

/** Prefix of the bucket → bucket and prefix of the target, in order. */
const MAPPINGS: [string, string, string][] = [
  ['raw/events/hot/', 'fast', 'hot/'],
  ['raw/events/', 'lake', 'main/events/'],
  ['raw/', 'lake', 'main/all/raw/'],
  ['team1/private/', 'fast', 'p/'],
  ['team1', 'lake', 'dev/team-one'],
  ['team', 'fast', 'teams/'],
  ['data/year=2024/month=06/', 'lake', 'june/'],
  ['data/year=2024/', 'fast', 'y24/'],
  ['data/', 'lake', 'main/data/'],
  ['z', 'old', 'zz'],
];

const server: S3Server | undefined = process.argv.includes('--minio')
  ? await startMinio({ buckets: BUCKETS })
  : undefined;
const connection = server
  ? {
      name: 'target',
      type: 's3',
      endpoint: server.endpoint,
      region: server.region,
      path_style: true,
      access_key_id: server.accessKeyId,
      secret_access_key: server.secretAccessKey,
    }
  : { name: 'target', type: 'memory' };
const config = checkRouting({
  mappings: MAPPINGS.map(([prefix, bucket, target]) => ({
    replace: `s3a://old/${prefix}`,
    with: `x://${bucket}/${target}`,
    connection: 'target',
  })),
  defaults: { s3a: { with: 's3a://', connection: 'target' } },
  connections: [connection],
});
const open = storeOpener(await storeProviders(), connectionsOf([connection]));
const bucket = await createRouter(config, open).bucket('s3a', 'old');

// Keys are spread over all prefixes and what is beside them.
const folders = [...MAPPINGS.map(([prefix]) => prefix), 'aaa/', 'raw-data/', 'tea/', 'u/', 'events/'];
const expected: string[] = [];
for (let i = 0; i < KEYS; i++) {
  expected.push(`${folders[i % folders.length]}part-${String(i).padStart(7, '0')}.parquet`);
}
const limiter = new Limiter(32);
await Promise.all(expected.map((key) => limiter.run(() => bucket.put(key, new Uint8Array(0), { size: 0 }))));
expected.sort(compareKeys);

/** What a program without a router lists: each target's prefix, and the old bucket. */
const scheme = server ? 's3' : 'memory';
const plain: { store: Store; prefix: string }[] = [];
for (const [, name, target] of [...MAPPINGS, ['', 'old', ''] as const]) {
  const { store } = await open(`${scheme}://${name}/`, { connection: 'target' });
  if (name !== 'old' || target === '') plain.push({ store, prefix: target });
}

async function count(store: Store, prefix: string): Promise<number> {
  let keys = 0;
  for await (const page of store.list({ prefix })) keys += page.objects.length;
  return keys;
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

const listed: string[] = [];
for await (const page of bucket.list()) listed.push(...page.objects.map(({ key }) => key));
const exact = listed.length === expected.length && listed.every((key, i) => key === expected[i]);

const plainTimes: number[] = [];
const routerTimes: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  plainTimes.push(
    await time(async () => {
      for (const { store, prefix } of plain) await count(store, prefix);
    }),
  );
  routerTimes.push(await time(() => count(bucket, '')));
}
const median = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
const ratio = median(routerTimes) / median(plainTimes);
console.log(
  `${server ? 'MinIO' : 'memory'}: ${listed.length} keys, ${exact ? 'exact' : 'WRONG'}; plain ${median(plainTimes).toFixed(0)} ms, router ${median(routerTimes).toFixed(0)} ms, ratio ${ratio.toFixed(2)} (limit ${LIMIT})`,
);
await open.close();
await server?.stop();
process.exitCode = exact && ratio <= LIMIT ? 0 : 1;
