/**
 * Lake export beside its peers, on one real MinIO: a sample lake's objects exported to another bucket by Sluice;
 * the very same objects synced from bucket to bucket by rclone (no lake in its way); and a bare loop of the same
 * requests. Runs are interleaved; medians and ratios are printed.
 *
 * Sluice runs as it is installed, from dist/.
 *
 *   npm run bench:lake -- [objects=10000; 0: only the large ones] [rounds=3]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { syntheticLake } from '../src/demo/lake/synthetic.ts';
import { type S3Server, startMinio } from '../test/servers/harness.ts';
import { installed } from '../test/servers/install.ts';
import { median, TELLS_PEAK, type Timed, timed } from './support/timed.ts';

const [objects = 10_000, rounds = 3] = process.argv.slice(2).map(Number);
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const minio = await startMinio({ buckets: ['lake', 'large'] });
const rclone = await installed('rclone');
const keys = { AWS_ACCESS_KEY_ID: minio.accessKeyId, AWS_SECRET_ACCESS_KEY: minio.secretAccessKey };
let targets = 0;

async function target(): Promise<string> {
  const name = `out${++targets}`;
  await minio.createBucket(name);
  return name;
}

interface Lake {
  url: string;
  bucket: string;
  config: string;
  child: ChildProcess;
  lines: AsyncIterator<string>;
  reader: Interface;
}

async function startLake(server: S3Server, bucket: string, count: number, large: number): Promise<Lake> {
  const child = spawn(
    process.execPath,
    [join(here, 'support/lake-server.ts'), server.endpoint, bucket, String(count), String(large)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...keys },
    },
  );
  const reader = createInterface({ input: child.stdout! });
  const lines = reader[Symbol.asyncIterator]();
  const url = (await lines.next()).value as string;
  const config = join(folder, `${bucket}.yaml`);
  writeFileSync(
    config,
    `connections:
  lake: {type: lakefs, endpoint: "${url}", access_key_id: AKIASAMPLELAKE, secret_access_key: sample-lake-secret}
  minio: {type: s3, endpoint: "${server.endpoint}", path_style: true, access_key_id: "${server.accessKeyId}", secret_access_key: "${server.secretAccessKey}"}
use: {"lakefs://": lake, "s3://": minio}
state: ${join(folder, 'state')}
`,
  );
  return { url, bucket, config, child, lines, reader };
}

const sluice = (lake: Lake, to: string, ...more: string[]): Promise<Timed> =>
  timed(process.execPath, [
    TELLS_PEAK,
    join(here, '../bin/sluice.cjs'),
    '--config',
    lake.config,
    '-q',
    'export',
    'lakefs://repo/main',
    `s3://${to}`,
    ...more,
  ]);

const remote = {
  RCLONE_CONFIG: join(folder, 'none.conf'),
  RCLONE_CONFIG_M_TYPE: 's3',
  RCLONE_CONFIG_M_PROVIDER: 'Minio',
  RCLONE_CONFIG_M_ENDPOINT: minio.endpoint,
  RCLONE_CONFIG_M_ACCESS_KEY_ID: minio.accessKeyId,
  RCLONE_CONFIG_M_SECRET_ACCESS_KEY: minio.secretAccessKey,
};
writeFileSync(remote.RCLONE_CONFIG, '');
const rcloneRun = (
  command: string,
  lake: Lake,
  to: string,
  transfers: number,
  ...more: string[]
): Promise<Timed> =>
  timed(
    rclone,
    [
      command,
      `M:${lake.bucket}/repo/data`,
      `M:${to}`,
      '--transfers',
      `${transfers}`,
      '--checkers',
      `${transfers}`,
      ...more,
    ],
    remote,
  );
async function rcloneSync(
  lake: Lake,
  to: string,
  transfers: number,
  check: boolean,
  ...more: string[]
): Promise<Timed> {
  const sync = await rcloneRun('sync', lake, to, transfers, ...more);
  if (!check) return sync;
  const compared = await rcloneRun('check', lake, to, transfers);
  return { ...sync, wall: sync.wall + compared.wall, cpu: sync.cpu + compared.cpu };
}
const bare = (mode: string, lake: Lake, to: string): Promise<Timed> =>
  timed(
    process.execPath,
    [join(here, 'support/bare-copy.ts'), mode, minio.endpoint, lake.bucket, 'repo/data/', to],
    keys,
  );

/** Medians of interleaved runs, each on targets of its own, begun in turn; what was written before is on the disk by then. */
async function compare(
  name: string,
  count: number,
  contenders: Record<string, () => Promise<Timed>>,
): Promise<Record<string, number>> {
  const runs = new Map<string, Timed[]>();
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(contenders);
    for (const [contender, run] of round % 2 === 0 ? order : order.reverse()) {
      execFileSync('sync');
      runs.set(contender, [...(runs.get(contender) ?? []), await run()]);
    }
  }
  const walls: Record<string, number> = {};
  console.log(`\n${name}`);
  for (const [contender, all] of runs) {
    walls[contender] = median(all.map((run) => run.wall));
    const cpu = median(all.map((run) => run.cpu));
    const spread = `${Math.min(...all.map((run) => run.wall)).toFixed(2)}–${Math.max(...all.map((run) => run.wall)).toFixed(2)}`;
    console.log(
      `  ${contender.padEnd(26)} ${walls[contender].toFixed(2).padStart(7)} s (${spread})  CPU ${((cpu * 1000) / count).toFixed(3)} ms/object  peak ${all.at(-1)!.peak.toFixed(0)} MB`,
    );
  }
  const [first, ...others] = Object.keys(walls);
  for (const other of others)
    console.log(`  ${other} / ${first}: ${(walls[other]! / walls[first!]!).toFixed(2)}`);
  return walls;
}

async function bestTransfers(lake: Lake): Promise<number> {
  let best = { transfers: 16, wall: Number.POSITIVE_INFINITY };
  for (const transfers of [16, 32, 64]) {
    const { wall } = await rcloneSync(lake, await target(), transfers, false);
    console.log(`rclone sync with ${transfers} transfers: ${wall.toFixed(2)} s`);
    if (wall < best.wall) best = { transfers, wall };
  }
  return best.transfers;
}

async function compareSmall(): Promise<void> {
  console.log(`${objects} objects of 0.2–8 kB; ${rounds} rounds; Node ${process.version}`);
  const lake = await startLake(minio, 'lake', objects, 0);
  const transfers = await bestTransfers(lake);

  let [ours, theirs] = ['', ''];
  await compare(`${objects} small objects, server-side copy, verified`, objects, {
    sluice: async () => {
      ours = await target();
      return sluice(lake, ours);
    },
    [`rclone sync+check (${transfers})`]: async () => {
      theirs = await target();
      return rcloneSync(lake, theirs, transfers, true);
    },
    'bare loop': async () => bare('copy', lake, await target()),
  });
  await compare('the same again, with nothing to do', objects, {
    'sluice --since last': () => sluice(lake, ours, '--since', 'last'),
    'sluice, comparing all': () => sluice(lake, ours),
    'rclone sync': () => rcloneSync(lake, theirs, transfers, false),
  });
  const changed = Math.ceil(objects / 100);
  await compare('1 % changed since the last commit', changed, {
    'sluice --since last': async () => {
      lake.child.stdin!.write(`change ${changed}\n`);
      await lake.lines.next();
      return sluice(lake, ours, '--since', 'last');
    },
    'rclone sync': () => rcloneSync(lake, theirs, transfers, false),
  });
  await compare(`${objects} small objects, bytes passing through, verified`, objects, {
    sluice: async () => sluice(lake, await target(), '--via', 'store'),
    [`rclone sync+check (${transfers})`]: async () =>
      rcloneSync(lake, await target(), transfers, true, '--disable', 'copy'),
    'bare loop': async () => bare('through', lake, await target()),
  });
  lake.child.stdin!.end();
}

async function compareLarge(): Promise<void> {
  const large = await startLake(minio, 'large', 0, 20);
  await compare('20 × 32 MiB, bytes passing through', 20, {
    sluice: async () => sluice(large, await target(), '--via', 'store'),
    'rclone sync': async () => rcloneSync(large, await target(), 8, false, '--disable', 'copy'),
    'rclone sync+check': async () => rcloneSync(large, await target(), 8, true, '--disable', 'copy'),
  });
  await compare('20 × 32 MiB, server-side copy', 20, {
    sluice: async () => sluice(large, await target()),
    'rclone sync': async () => rcloneSync(large, await target(), 8, false),
    'rclone sync+check': async () => rcloneSync(large, await target(), 8, true),
  });
  large.child.stdin!.end();
}

/** Planning cost and memory, up to a million objects. */
async function dryRuns(): Promise<void> {
  for (const count of [10_000, 100_000, 1_000_000]) {
    const lakeOfMany = await syntheticLake(count);
    const env = {
      LAKEFS_ENDPOINT: lakeOfMany.url,
      LAKEFS_ACCESS_KEY_ID: lakeOfMany.accessKeyId,
      LAKEFS_SECRET_ACCESS_KEY: lakeOfMany.secretAccessKey,
      SLUICE_STATE: join(folder, 'state'),
    };
    const args = [
      TELLS_PEAK,
      join(here, '../bin/sluice.cjs'),
      '-q',
      'export',
      'lakefs://synthetic/main',
      join(folder, 'empty'),
      '--dry-run',
      '--json',
    ];
    const { wall, cpu, peak, output } = await timed(
      'bash',
      ['-c', 'set -o pipefail; "$@" | tail -n 1', 'dry', process.execPath, ...args],
      env,
    );
    if (!output.includes('"dryRun":true')) throw new Error(output);
    console.log(
      `dry run of ${count} objects: ${wall.toFixed(2)} s, CPU ${((cpu * 1e6) / count).toFixed(1)} µs/object, peak ${peak.toFixed(0)} MB`,
    );
    await lakeOfMany.close();
  }
}

try {
  if (objects > 0) await compareSmall();
  await compareLarge();
  if (objects > 0) await dryRuns();
} finally {
  await minio.stop();
  rmSync(folder, { recursive: true, force: true });
}
