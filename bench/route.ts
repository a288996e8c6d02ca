/**
 * What the gateway costs, and what its peers do: the same client (the S3 Store) against MinIO directly, through
 * `sluice route`, through `rclone serve s3` and through `versitygw s3` to the same MinIO, all on this machine. Runs
 * are interleaved; medians are printed, and their ratio to MinIO directly. The least that a gateway in Node can be
 * (`bare`, support/bare-gateway.ts) shows how much of it is Node.
 *
 * `rclone serve s3` answers HEAD and LIST from what it knew up to five minutes ago; the others ask the store.
 *
 *   node bench/route.ts [rounds=5] [seconds=1] [only=sluice,bare,rclone,versitygw] [workers=1]
 */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseS3Connection } from '../src/stores/s3/settings.ts';
import { S3Store } from '../src/stores/s3/store.ts';
import { type S3Server, startMinio } from '../test/servers/harness.ts';
import { installed } from '../test/servers/install.ts';
import { freePorts, launch, type Running } from '../test/servers/process.ts';

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 1);
/** Of the first round, which is not counted: a gateway runs for days, and Node compiles what it does often. */
const WARM_SECONDS = 3;
/**
 * Before each round, not counted either: a gateway whose turn it is has been idle while the others had theirs, and must
 * first get its memory and its connections back; MinIO never is.
 */
const WAKE_SECONDS = 0.5;
const only = process.argv[4] ? process.argv[4].split(',') : undefined;
const workers = process.argv[5] ?? '1';
const MiB = 1024 * 1024;
const LARGE = 32 * MiB;
const KEYS = 1000;
const accessKey = 'bench-access';
const secretKey = 'bench-secret-key';

interface Way {
  name: string;
  store: S3Store;
  /** Of the gateway's process. */
  pid?: number;
  stop(): Promise<void>;
}

const storeAt = (endpoint: string, bucket = 'bench', access = accessKey, secret = secretKey): S3Store =>
  new S3Store(
    parseS3Connection({
      name: 'bench',
      type: 's3',
      endpoint,
      region: 'us-east-1',
      path_style: true,
      access_key_id: access,
      secret_access_key: secret,
    }),
    bucket,
  );

const opens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    setTimeout(() => socket.destroy(), 200);
  });

async function through(
  name: string,
  make: (port: number) => { command: string; args: string[]; env?: Record<string, string>; config?: string },
): Promise<Way> {
  const [port] = await freePorts(1);
  const { command, args, env = {}, config } = make(port!);
  const running: Running = await launch({
    name,
    command,
    args: (folder) => args.map((arg) => (arg === 'CONFIG' ? join(folder, 'routes.properties') : arg)),
    env: () => env,
    prepare: (folder) => {
      if (config !== undefined) writeFileSync(join(folder, 'routes.properties'), config);
    },
    ready: () => opens(port!),
  });
  const store = storeAt(`http://127.0.0.1:${port}`);
  return { name, store, pid: running.pid, stop: () => store.close().then(() => running.stop()) };
}

const sluice = (minio: S3Server) => (port: number) => ({
  command: process.execPath,
  args: [
    ...[join(import.meta.dirname, '../src/main.ts'), 'route', '--config', 'CONFIG'],
    ...['--listen', `127.0.0.1:${port}`, '--workers', workers, '--no-access-log', '--quiet'],
  ],
  config: `routerfs.mapping.minio.1.replace=^s3a://bench/
routerfs.mapping.minio.1.with=minio://bench/
routerfs.mapping.s3a-default.replace=s3a://
routerfs.mapping.s3a-default.with=minio://
fs.minio.impl=S3AFileSystem
fs.minio.endpoint=${minio.endpoint}
fs.minio.access.key=${minio.accessKeyId}
fs.minio.secret.key=${minio.secretAccessKey}
fs.minio.path.style.access=true
gateway.client.bench.access.key=${accessKey}
gateway.client.bench.secret.key=${secretKey}
gateway.client.bench.allow=s3a://=rwd
`,
});

const bare = (minio: S3Server) => (port: number) => ({
  command: process.execPath,
  args: [
    join(import.meta.dirname, 'support/bare-gateway.ts'),
    ...[String(port), minio.endpoint, minio.accessKeyId, minio.secretAccessKey],
  ],
});

const rclone = (command: string, minio: S3Server) => (port: number) => ({
  command,
  args: [
    ...['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', `${accessKey},${secretKey}`],
    `:s3,provider=Minio,endpoint="${minio.endpoint}",access_key_id=${minio.accessKeyId},secret_access_key=${minio.secretAccessKey},no_check_bucket=true:`,
  ],
});

const versity = (command: string, minio: S3Server) => (port: number) => ({
  command,
  // It cannot start with a certificate bundle from the environment, and needs none here.
  env: { AWS_CA_BUNDLE: '' },
  args: [
    ...['--access', accessKey, '--secret', secretKey, '--port', `127.0.0.1:${port}`, '--quiet'],
    ...['s3', '--access', minio.accessKeyId, '--secret', minio.secretAccessKey],
    ...['--endpoint', minio.endpoint, '--use-path-style', '--disable-checksum'],
    // Without this its SDK puts nothing over plain HTTP ("unseekable stream is not supported without TLS").
    '--disable-data-integrity-check',
  ],
});

/** Runs `work` over and over, so many at once, for some seconds. @returns how often a second */
async function rate(time: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  const end = start + time * 1000;
  let done = 0;
  let next = 0;
  const worker = async () => {
    while (performance.now() < end) {
      await work(next++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return done / ((performance.now() - start) / 1000);
}

async function read(store: S3Store, key: string): Promise<void> {
  const { body } = await store.get(key);
  await new Promise<void>((resolve, reject) => {
    body.on('data', () => undefined);
    body.on('end', resolve);
    body.on('error', reject);
  });
}

const small = (i: number): string => `small/object-${(i * 7919) % KEYS}`;
const large = Buffer.alloc(LARGE, 'sluice');

/** @param time seconds */
type Load = (store: S3Store, time: number) => Promise<number>;

const loads: Record<string, Load> = {
  'GET 32 MiB, 4 at once': (store, time) => rate(time, 4, (i) => read(store, `large/${i % 4}`)),
  'PUT 32 MiB, 4 at once': (store, time) => rate(time, 4, (i) => store.put(`put/${i % 4}`, large)),
  'GET 0.2-8 kB, 16 at once': (store, time) => rate(time, 16, (i) => read(store, small(i))),
  'HEAD, 16 at once': (store, time) => rate(time, 16, (i) => store.head(small(i))),
  'PUT 4 kB, 16 at once': (store, time) =>
    rate(time, 16, (i) => store.put(`tiny/${i % 64}`, large.subarray(0, 4096))),
  'LIST 100 keys, 8 at once': (store, time) =>
    rate(time, 8, async (i) => {
      for await (const page of store.list({ prefix: `small/object-${1 + (i % 9)}`, pageSize: 100 })) {
        if (page.objects.length !== 100) throw new Error(`${page.objects.length} keys`);
        break;
      }
    }),
};

const LATENCY = 'GET 0.2-8 kB, one by one';

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function latency(store: S3Store, time: number): Promise<number> {
  const times: number[] = [];
  const end = performance.now() + time * 1000;
  for (let i = 0; performance.now() < end; i++) {
    const start = performance.now();
    await read(store, small(i));
    times.push(performance.now() - start);
  }
  return median(times);
}

const minio = await startMinio({ buckets: ['bench'] });
const direct: Way = {
  name: 'direct',
  store: storeAt(minio.endpoint, 'bench', minio.accessKeyId, minio.secretAccessKey),
  stop: () => minio.stop(),
};
const ways: Way[] = [direct];
const wanted = (name: string): boolean => only === undefined || only.includes(name);
if (wanted('sluice')) ways.push(await through('sluice', sluice(minio)));
if (wanted('bare')) ways.push(await through('bare', bare(minio)));
if (wanted('rclone')) ways.push(await through('rclone', rclone(await installed('rclone'), minio)));
if (wanted('versitygw')) ways.push(await through('versitygw', versity(await installed('versitygw'), minio)));

for (let i = 0; i < 4; i++) await direct.store.put(`large/${i}`, large);
await Promise.all(
  Array.from({ length: 16 }, async (_, worker) => {
    for (let i = worker; i < KEYS; i += 16) {
      await direct.store.put(`small/object-${i}`, large.subarray(0, 200 + ((i * 7919) % 7800)));
    }
  }),
);

const results = new Map<string, Map<string, number[]>>();
const note = (load: string, way: string, value: number): void => {
  const ofLoad = results.get(load) ?? new Map<string, number[]>();
  results.set(load, ofLoad);
  ofLoad.set(way, [...(ofLoad.get(way) ?? []), value]);
};

/** Client, gateway and store share the machine with nobody: the gateways whose turn it is not are halted. */
function onlyRuns(way: Way | 'all'): void {
  for (const each of ways) {
    if (each.pid !== undefined) process.kill(each.pid, way === 'all' || way === each ? 'SIGCONT' : 'SIGSTOP');
  }
}

for (let round = 0; round <= rounds; round++) {
  const order = round % 2 === 0 ? ways : [...ways].reverse();
  const measure = async (name: string, work: Load): Promise<void> => {
    for (const way of order) {
      try {
        onlyRuns(way);
        await work(way.store, round === 0 ? WARM_SECONDS : WAKE_SECONDS);
        if (round > 0) note(name, way.name, await work(way.store, seconds));
      } catch (error) {
        if (way.name === 'direct' || way.name === 'sluice') throw error;
        if (round === 0) console.log(`${way.name} fails at ${name}: ${(error as Error).message}`);
      }
    }
  };
  for (const [name, work] of Object.entries(loads)) await measure(name, work);
  await measure(LATENCY, latency);
}

for (const [load, byWay] of results) {
  const reference = median(byWay.get('direct')!);
  const cells = [...byWay].map(([way, values]) => {
    const value = median(values);
    if (load === LATENCY) {
      return `${way} ${value.toFixed(2)} ms${way === 'direct' ? '' : ` (+${(value - reference).toFixed(2)})`}`;
    }
    return `${way} ${value.toFixed(value < 100 ? 1 : 0)} /s${way === 'direct' ? '' : ` (${(value / reference).toFixed(2)})`}`;
  });
  console.log(`${load.padEnd(26)} ${cells.join('   ')}`);
}
onlyRuns('all');
for (const way of ways.slice(1)) await way.stop();
await direct.store.close();
await minio.stop();
