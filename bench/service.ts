/**
 * The service under load: an export, alone and while 200 clients ask the API (each once a second) and 50 listen to its
 * events, in turns; medians, the ratio of the two, the service's CPU time and what the clients saw are printed. At last the
 * same clients without an export: what they cost.
 *
 * The service runs as it is installed, from dist/; the lake, the clients and the service are processes of their own, on the
 * same machine. The export goes to memory (/dev/shm) where there is some, since the pace of a disk changes by the
 * minute and says nothing of the service; --in names another folder.
 *
 *   npm run bench:service -- [objects=8000] [rounds=4] [milliseconds a read takes=20] [clients=200] [streams=50] [--in folder]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type MeasuredService, startService } from './support/service.ts';
import { median } from './support/timed.ts';

const MEMORY = '/dev/shm';
/** How long clients ask a service that does nothing else. */
const IDLE_MS = 10_000;
const { values, positionals } = parseArgs({ allowPositionals: true, options: { in: { type: 'string' } } });
const [objects = 8000, rounds = 4, delay = 20, clients = 200, streams = 50] = positionals.map(Number);
const parent = values.in ?? (existsSync(MEMORY) ? MEMORY : tmpdir());
const here = import.meta.dirname;
const folder = mkdtempSync(join(parent, 'sluice-bench-'));
const children: ChildProcess[] = [];

function start(script: string, ...args: unknown[]) {
  const child = spawn(process.execPath, [join(here, script), ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string };
}

/** Does something beside the clients; gives what they saw. */
async function beside(service: MeasuredService, work: () => Promise<void>): Promise<{ requests: number }> {
  const load = start('support/service-load.ts', service.url, clients, streams);
  load.child.stdin!.write('go\n');
  await load.next();
  await sleep(1500);
  await work();
  load.child.stdin!.end('stop\n');
  const saw = await load.next();
  await once(load.child, 'exit');
  console.log(`clients ${saw}`);
  return JSON.parse(saw);
}

let service: MeasuredService | undefined;
try {
  const lake = await start('support/slow-lake.ts', objects, delay).next();
  const running = await startService(
    folder,
    `connections:
  lake: {type: lakefs, endpoint: "${lake}", access_key_id: AKIASAMPLELAKE, secret_access_key: sample-lake-secret}
use: {"lakefs://": lake}
state: ${join(folder, 'state')}
service: {listen: "127.0.0.1:0", rate_limit: 1000000}
concurrency: 8
log_level: warn
`,
  );
  service = running;

  let runs = 0;
  const exportOnce = async (): Promise<{ seconds: number; cpu: number }> => {
    const id = `run-${++runs}`;
    const spec = { source: 'lakefs://repo/main', destination: join(folder, id), via: 'lakefs' };
    const before = await running.cpu();
    await fetch(`${running.url}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'lake-export', id, spec }),
    });
    for (;;) {
      const job = (await (await fetch(`${running.url}/v1/jobs/${id}`)).json()) as Record<
        string,
        number | string
      >;
      if (job.status === 'FAILED') throw new Error(JSON.stringify(job.error));
      if (job.status === 'SUCCESS') {
        const seconds = (Number(job.completedAt) - Number(job.startedAt)) / 1000;
        const cpu = (await running.cpu()) - before;
        rmSync(join(folder, id), { recursive: true });
        return { seconds, cpu };
      }
      await sleep(500);
    }
  };
  type Run = Awaited<ReturnType<typeof exportOnce>>;
  const [alone, loaded]: [Run[], Run[]] = [[], []];
  console.log(
    `${objects} objects, ${delay} ms a read, into ${parent}; ${clients} clients, ${streams} streams of events`,
  );
  await exportOnce();
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => alone.push(await exportOnce()),
      () => beside(running, async () => void loaded.push(await exportOnce())),
    ];
    // What changes on the machine meanwhile meets both alike.
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  const show = (name: string, all: Run[]): void => {
    const times = all.map(({ seconds }) => seconds);
    const cpu = all.map((run) => run.cpu);
    console.log(
      `${name}  ${times.map((time) => time.toFixed(1)).join(', ')} s, median ${median(times).toFixed(1)} s; CPU of the service, median ${median(cpu).toFixed(2)} s`,
    );
  };
  show('alone ', alone);
  show('loaded', loaded);
  const of = (all: Run[]) => median(all.map(({ seconds }) => seconds));
  console.log(`ratio   ${(of(loaded) / of(alone)).toFixed(3)}`);
  let cpu = 0;
  const { requests } = await beside(running, async () => {
    const before = await running.cpu();
    await sleep(IDLE_MS);
    cpu = (await running.cpu()) - before;
  });
  const share = requests * (IDLE_MS / (IDLE_MS + 1500));
  console.log(
    `clients alone: ${((cpu / IDLE_MS) * 1e5).toFixed(1)} % of a core, ${((cpu / share) * 1e6).toFixed(0)} µs a request`,
  );
} finally {
  await service?.stop();
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
