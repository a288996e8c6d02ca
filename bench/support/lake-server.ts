/**
 * A sample lake in a process of its own, with its data in a bucket. Prints its address, then takes commands on
 * standard input: `change N` changes N objects and commits; each answers with a line.
 *
 *   node bench/support/lake-server.ts <endpoint> <bucket> <objects> [large objects of 32 MiB]
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createSampleLake } from '../../src/demo/lake/sample.ts';
import { s3Provider } from '../../src/stores/s3/provider.ts';

const [endpoint, bucket, objects, large = '0'] = process.argv.slice(2) as string[];
const store = await s3Provider.open(bucket!, { name: 'bench', type: 's3', endpoint, path_style: true });
const lake = await createSampleLake({
  repository: 'repo',
  blocks: store,
  root: `s3://${bucket}`,
  rangeEntries: 5000,
});

async function put(paths: Iterable<string>, bytes: () => Buffer, atOnce: number): Promise<void> {
  const left = paths[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await lake.put('main', next.value, bytes());
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
const pathOf = (i: number) =>
  `events/date=2026-01-${String((i % 28) + 1).padStart(2, '0')}/part-${String(i).padStart(6, '0')}.json`;
function* paths(count: number, name: (i: number) => string): Generator<string> {
  for (let i = 0; i < count; i++) yield name(i);
}
/** 0.2 to 8 kB, the same sizes every time. */
let seed = 7;
const small = () => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return randomBytes(200 + (seed % 7800));
};

await put(paths(Number(objects), pathOf), small, 32);
await put(
  paths(Number(large), (i) => `large/${i}.bin`),
  () => randomBytes(32 << 20),
  2,
);
await lake.commit('main', 'first');
console.log(lake.url);

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command !== 'change') break;
  await put(paths(Number(count), pathOf), small, 32);
  await lake.commit('main', 'change');
  console.log('changed');
}
await lake.close();
await store.close();
