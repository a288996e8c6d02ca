/**
 * The service under load: an export, once alone and once while 200 clients ask the API (each once a second) and 50 listen
 * to its events, in turns; medians, the ratio of the two and what the clients saw are printed.
 *
 * The service runs as it is installed, from dist/; the lake, the clients and the service are processes of their own.
 *
 *   npm run bench:service -- [objects=8000] [rounds=2] [milliseconds a read takes=20] [clients=200] [streams=50]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './support/timed.ts';

const [objects = 8000, rounds = 2, delay = 20, clients = 200, streams = 50] = process.argv
  .slice(2)
  .map(Number);
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const children: ChildProcess[] = [];

function start(script: string, ...args: unknown[]) {
  const child = spawn(process.execPath, [join(here, script), ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string };
}

try {
  const url = await start('support/slow-lake.ts', objects, delay).next();
  const config = join(folder, 'sluice.yaml');
  writeFileSync(
    config,
    `connections:
  lake: {type: lakefs, endpoint: "${url}", access_key_id: AKIASAMPLELAKE, secret_access_key: sample-lake-secret}
use: {"lakefs://": lake}
state: ${join(folder, 'state')}
service: {listen: "127.0.0.1:0", rate_limit: 1000000}
concurrency: 8
log_level: warn
`,
  );
  const service = spawn(process.execPath, [join(here, '../dist/main.js'), '--config', config, 'serve'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(service);
  let said = '';
  for await (const chunk of service.stderr!) {
    said += chunk;
    if (/listens on \S+\n/.test(said)) break;
  }
  const api = /listens on (\S+)/.exec(said)![1]!;

  let runs = 0;
  const exportOnce = async (): Promise<number> => {
    const id = `run-${++runs}`;
    const spec = { source: 'lakefs://repo/main', destination: join(folder, id), via: 'lakefs' };
    await fetch(`${api}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'lake-export', id, spec }),
    });
    for (;;) {
      const job = (await (await fetch(`${api}/v1/jobs/${id}`)).json()) as Record<string, number | string>;
      if (job.status === 'FAILED') throw new Error(JSON.stringify(job.error));
      if (job.status === 'SUCCESS') return (Number(job.completedAt) - Number(job.startedAt)) / 1000;
      await sleep(500);
    }
  };
  await exportOnce();
  const [alone, loaded]: [number[], number[]] = [[], []];
  const clientsSaw: string[] = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(await exportOnce());
    const load = start('support/service-load.ts', api, clients, streams);
    load.child.stdin!.write('go\n');
    await load.next();
    await sleep(1500);
    loaded.push(await exportOnce());
    load.child.stdin!.end('stop\n');
    clientsSaw.push(await load.next());
    await once(load.child, 'exit');
  }
  const show = (values: number[]) => values.map((value) => value.toFixed(1)).join(', ');
  console.log(`${objects} objects, ${delay} ms a read; ${clients} clients, ${streams} streams of events`);
  console.log(`alone   ${show(alone)} s, median ${median(alone).toFixed(1)} s`);
  console.log(`loaded  ${show(loaded)} s, median ${median(loaded).toFixed(1)} s`);
  console.log(`ratio   ${(median(loaded) / median(alone)).toFixed(3)}`);
  for (const line of clientsSaw) console.log(`clients ${line}`);
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
