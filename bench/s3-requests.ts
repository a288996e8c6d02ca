/**
 * What the S3 Store costs over a bare loop of the same signed requests on undici, against a real MinIO:
 * small objects through this process (GET, PUT), by server-side copy, and a listing. Runs are interleaved;
 * medians are printed, and the ratio of each pair.
 *
 *   node bench/s3-requests.ts [objects=2000] [rounds=7] [at once=32]
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { parseS3Connection } from '../src/stores/s3/settings.ts';
import { EMPTY_PAYLOAD, encodeKey, Signer, UNSIGNED_PAYLOAD } from '../src/stores/s3/signer.ts';
import { S3Store } from '../src/stores/s3/store.ts';
import { type S3Server, startMinio } from '../test/servers/harness.ts';

const [objects = 2000, rounds = 7, atOnce = 32] = process.argv.slice(2).map(Number);

interface Cost {
  /** Microseconds an operation, by the clock. */
  wall: number;
  /** Microseconds an operation of this process's CPU time. */
  cpu: number;
}

/** Does `work` for every key, so many at once. */
async function each(keys: readonly string[], work: (key: string) => Promise<unknown>): Promise<void> {
  const left = keys.values();
  const worker = async () => {
    for (const key of left) await work(key);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function measure(count: number, work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (wall * 1000) / count, cpu: (user + system) / count };
}

/** The same requests with nothing around them. */
function bareClient(server: S3Server) {
  const pool = new Pool(server.endpoint, { connections: 64, pipelining: 1 });
  const host = new URL(server.endpoint).host;
  const signer = new Signer();
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  return async (
    method: 'GET' | 'PUT',
    path: string,
    body?: Buffer,
    extra: string[] = [],
  ): Promise<Buffer> => {
    const payload = body ? UNSIGNED_PAYLOAD : EMPTY_PAYLOAD;
    const signed = signer.sign(
      { method, path, query: '', host, headers: extra, payload },
      credentials,
      server.region,
      Date.now(),
    );
    const response = await pool.request({
      method,
      path,
      headers: extra.length > 0 ? extra.concat(signed) : signed,
      body: body ?? null,
    });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${bytes}`);
    return bytes;
  };
}

const server = await startMinio({ buckets: ['source', 'target'] });
const settings = parseS3Connection({
  name: 'bench',
  type: 's3',
  endpoint: server.endpoint,
  region: server.region,
  access_key_id: server.accessKeyId,
  secret_access_key: server.secretAccessKey,
});
const from = new S3Store(settings, 'source');
const to = new S3Store(settings, 'target');
const bare = bareClient(server);
const keys = Array.from({ length: objects }, (_, i) => `data/part=${i % 10}/object-${i}.json`);
const sizes = new Map(keys.map((key, i) => [key, 200 + ((i * 7919) % 7800)]));
await each(keys, (key) => from.put(key, Buffer.alloc(sizes.get(key)!, key)));

const works: Record<string, () => Promise<void>> = {
  'through, bare': () =>
    each(keys, async (key) => {
      const path = encodeKey(key);
      await bare('PUT', `/target/${path}`, await bare('GET', `/source/${path}`));
    }),
  'through, Store': () =>
    each(keys, async (key) => {
      const { info, body } = await from.get(key);
      await to.put(key, body, { size: info.size });
    }),
  'copy, bare': () =>
    each(keys, async (key) => {
      const path = encodeKey(key);
      await bare('PUT', `/target/${path}`, undefined, ['x-amz-copy-source', `/source/${path}`]);
    }),
  'copy, Store': () =>
    each(keys, async (key) => {
      await to.copyFrom(from, key, key, { size: sizes.get(key)! });
    }),
  list: async () => {
    let seen = 0;
    for await (const page of from.list()) seen += page.objects.length;
    if (seen !== objects) throw new Error(`${seen} of ${objects} were listed`);
  },
};

const costs = new Map<string, Cost[]>(Object.keys(works).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  const names = Object.keys(works);
  if (round % 2 === 1) names.reverse();
  for (const name of names) {
    const cost = await measure(objects, works[name]!);
    // The first round warms everything up.
    if (round > 0) costs.get(name)!.push(cost);
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const result = new Map(
  [...costs].map(([name, list]) => [
    name,
    { wall: median(list.map((cost) => cost.wall)), cpu: median(list.map((cost) => cost.cpu)) },
  ]),
);
console.log(`${objects} objects of 0.2–8 kB, ${atOnce} at once, medians of ${rounds} rounds, µs an object`);
for (const [name, { wall, cpu }] of result) {
  console.log(`${name.padEnd(16)} wall ${wall.toFixed(1).padStart(8)}   cpu ${cpu.toFixed(1).padStart(8)}`);
}
for (const kind of ['through', 'copy']) {
  const store = result.get(`${kind}, Store`)!;
  const loop = result.get(`${kind}, bare`)!;
  console.log(
    `${kind}: Store / bare = ${(store.wall / loop.wall).toFixed(3)} wall, ${(store.cpu / loop.cpu).toFixed(3)} cpu`,
  );
}
const signer = new Signer();
const signing = await measure(20_000, async () => {
  const { accessKeyId, secretAccessKey } = server;
  for (let i = 0; i < 20_000; i++) {
    signer.sign(
      { method: 'GET', path: `/source/${i}`, query: '', host: 'h', headers: [], payload: EMPTY_PAYLOAD },
      { accessKeyId, secretAccessKey },
      'us-east-1',
      Date.now(),
    );
  }
});
console.log(`one signature: ${signing.cpu.toFixed(1)} µs`);
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
if (peak) console.log(`peak memory: ${Math.round(Number(peak) / 1024)} MB`);
await Promise.all([from.close(), to.close()]);
await server.stop();
process.exit(0);
