/**
 * Past one machine: the same export on 1, 2 and 4 workers of a real Temporal server, from a lake in a real MinIO
 * that is made slow on purpose (20 ms a request), and what it takes to plan an export of 10, 100 and 1,000 million
 * objects. Sluice runs as it is installed, from dist/.
 *
 *   npm run bench:scale -- [objects=12000] [workers=1,2,4]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startMinio, startTemporal } from '../test/servers/harness.ts';
import { startFaultProxy } from '../test/support/fault-proxy.ts';
import { timed } from './support/timed.ts';

const objects = Number(process.argv[2] ?? 12_000);
const counts = (process.argv[3] ?? '1,2,4').split(',').map(Number);
const DELAY_MS = 20;
/** Object operations at once in one worker: what its speed depends on, with a store that is slow. */
const CONCURRENCY = 2;
const here = import.meta.dirname;
const main = join(here, '../bin/sluice.cjs');
const folder = mkdtempSync(join(tmpdir(), 'sluice-scale-'));

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error('It ended without a word.');
}

async function planning(): Promise<void> {
  console.log('\nplanning an export, one process');
  for (const millions of [1, 10, 100, 1000]) {
    const lake = spawn(process.execPath, [join(here, 'support/many-lake.ts'), String(millions * 1e6)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const url = await firstLine(lake);
    const run = await timed(process.execPath, [join(here, 'support/plan.ts'), url]);
    const plan = JSON.parse(run.output);
    const { parts, bytes, seconds, cpu, before, peak } = plan;
    console.log(
      `  ${millions} million objects: ${parts} parts (${(bytes / 1e6).toFixed(1)} MB) in ${seconds.toFixed(2)} s, ${cpu.toFixed(2)} s CPU; memory ${before.toFixed(0)} MB before, ${peak.toFixed(0)} MB at most`,
    );
    lake.stdin!.end();
    await once(lake, 'exit');
  }
}

async function workers(): Promise<void> {
  const [minio, temporal] = await Promise.all([startMinio({ buckets: ['lake'] }), startTemporal()]);
  const slow = await startFaultProxy(minio.endpoint);
  slow.rule({ times: Number.POSITIVE_INFINITY }, { delay: DELAY_MS });
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: minio.accessKeyId,
    AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
  };
  const lake = spawn(
    process.execPath,
    [join(here, 'support/lake-server.ts'), minio.endpoint, 'lake', String(objects)],
    { stdio: ['pipe', 'pipe', 'inherit'], env },
  );
  try {
    const url = await firstLine(lake);
    const config = join(folder, 'sluice.yaml');
    writeFileSync(
      config,
      `engine: temporal
temporal: {address: "${temporal.address}"}
connections:
  lake: {type: lakefs, endpoint: "${url}", access_key_id: AKIASAMPLELAKE, secret_access_key: sample-lake-secret}
  minio: {type: s3, endpoint: "${slow.endpoint}", path_style: true, access_key_id: "${minio.accessKeyId}", secret_access_key: "${minio.secretAccessKey}"}
use: {"lakefs://": lake, "s3://": minio}
`,
    );
    console.log(
      `\n${objects} objects, ${DELAY_MS} ms a request, ${CONCURRENCY} operations at once in a worker`,
    );
    let alone = 0;
    for (const count of counts) {
      await minio.createBucket(`out${count}`);
      const running = Array.from({ length: count }, () =>
        spawn(
          process.execPath,
          [main, '--config', config, 'worker', '--parts-at-once', '1', '--concurrency', String(CONCURRENCY)],
          { stdio: ['ignore', 'ignore', 'pipe'], env: process.env },
        ),
      );
      await Promise.all(running.map((worker) => once(worker.stderr!, 'data')));
      const to = `s3://out${count}`;
      const args = [main, '--config', config, '--json', '--progress', 'none'];
      const run = await timed(process.execPath, [
        ...args,
        'export',
        'lakefs://repo/main',
        to,
        '--id',
        `on-${count}`,
      ]);
      const shown = await timed(process.execPath, [...args, 'jobs', 'show', `on-${count}`]);
      const { createdAt, completedAt, status } = JSON.parse(shown.output.trim().split('\n').at(-1)!);
      const seconds = (completedAt - createdAt) / 1000;
      alone ||= seconds;
      console.log(
        `  ${count} workers: ${status} in ${seconds.toFixed(1)} s (${run.wall.toFixed(1)} s with the command), ${Math.round(objects / seconds)} objects/s, ${(alone / seconds).toFixed(2)} times as fast as the first`,
      );
      for (const worker of running) worker.kill('SIGTERM');
      await Promise.all(running.map((worker) => worker.exitCode ?? once(worker, 'exit')));
    }
  } finally {
    lake.kill();
    await slow.stop();
    await Promise.all([minio.stop(), temporal.stop()]);
  }
}

try {
  await workers();
  if (process.argv[3] === undefined) await planning();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
