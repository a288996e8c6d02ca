import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { JobRecord } from '../../src/jobs/job.ts';
import { cli, startCli } from '../commands/cli.ts';
import { HELD_OBJECTS, startHeldLake } from '../support/held-lake.ts';
import { until } from '../support/until.ts';
import { startTemporal } from './harness.ts';
import { freePorts } from './process.ts';

const home = mkdtempSync(join(tmpdir(), 'sluice-temporal-'));
const [server, lake] = await Promise.all([startTemporal(), startHeldLake()]);
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await lake.close();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});
const { secretAccessKey } = lake.lake.server;
writeFileSync(
  join(home, 'sluice.yaml'),
  [
    `connections: {lake: ${lake.connection}}`,
    'use: {"lakefs://": lake}',
    'engine: temporal',
    `temporal: {address: "${server.address}", task_queue: commands}`,
    'concurrency: 4',
  ].join('\n'),
);

/** Starts a command that says what it is when it is ready. */
async function started(
  args: string[],
  ready: RegExp,
): Promise<{ child: ChildProcess; match: RegExpExecArray }> {
  const child = startCli(args, home);
  children.push(child);
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  const match = await until(() => {
    assert.equal(child.exitCode, null, said);
    return ready.exec(said) ?? undefined;
  });
  return { child, match };
}

async function shown(id: string): Promise<JobRecord> {
  const { stdout, stderr } = await cli(['--json', 'jobs', 'show', id], home);
  assert.ok(stdout, stderr);
  return JSON.parse(stdout);
}

test('commands and the service use the workers of a cluster', async (t) => {
  const [port] = await freePorts(1);
  const { child: worker } = await started(
    ['worker', '--health', `127.0.0.1:${port}`, '--parts-at-once', '4'],
    /works on jobs of queue commands/,
  );
  for (const path of ['healthz', 'readyz']) {
    assert.equal((await fetch(`http://127.0.0.1:${port}/${path}`)).status, 200);
  }

  await t.test('an export from the command line', async () => {
    const out = join(home, 'out');
    const ran = await cli(['--json', 'export', 'lakefs://repo/main', out, '--id', 'first'], home);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(readdirSync(out).filter((name) => name.startsWith('f')).length, HELD_OBJECTS);
    const job = await shown('first');
    assert.equal(job.status, 'SUCCESS');
    assert.ok(!JSON.stringify(job).includes(secretAccessKey));
    const list = await cli(['jobs', 'list', '--search', 'lakefs://repo'], home);
    assert.match(list.stdout, /first .*lake-export .*SUCCESS/);
    assert.equal((await cli(['jobs', 'cancel', 'first'], home)).code, 1);
  });

  await t.test('a job of the service, cancelled, and tried again', async () => {
    const { child: service, match } = await started(
      ['serve', '--listen', '127.0.0.1:0'],
      /listens on (http:\S+)/,
    );
    const api = `${match[1]}/v1/jobs`;
    const post = (path: string, body?: unknown): Promise<Response> =>
      fetch(`${api}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body ?? {}),
      });
    const out = join(home, 'second');
    const spec = { source: 'lakefs://repo/main', destination: out };
    lake.hold();
    assert.equal((await post('', { kind: 'lake-export', id: 'second', spec })).status, 202);
    const events = fetch(`${api}/second/events`).then((answer) => answer.text());
    await until(() => existsSync(out) && readdirSync(out).length > 100);
    await until(async () => ((await shown('second')).progress.counts.objects ?? 0) > 0);
    assert.equal((await post('/second/cancel')).status, 202);
    await until(async () => (await shown('second')).status === 'CANCELED');
    lake.release();
    assert.match(await events, /event: progress[\s\S]*"status":"CANCELED"/);
    assert.equal((await post('/second/retry')).status, 202);
    const again = await fetch(`${api}/second/events`).then((answer) => answer.text());
    assert.match(again, /"status":"SUCCESS"/);
    const job = await shown('second');
    assert.equal(job.status, 'SUCCESS');
    assert.equal(job.attempts, 2);
    assert.equal(job.progress.counts.objects, HELD_OBJECTS);
    const listed = (await (await fetch(`${api}?status=SUCCESS`)).json()) as { jobs: JobRecord[] };
    assert.deepEqual(
      listed.jobs.map(({ id }) => id),
      ['second', 'first'],
    );
    const ended = once(service, 'exit');
    service.kill('SIGTERM');
    assert.equal((await ended)[0], 0);
  });

  await t.test('a worker that is told to stop does', async () => {
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    assert.equal((await ended)[0], 0);
  });
});

test('what is missing is said', async () => {
  const away = join(home, 'away');
  mkdirSync(away);
  const nobody = await cli(['jobs', 'list', '--engine', 'temporal'], away, {
    SLUICE_TEMPORAL_ADDRESS: '127.0.0.1:9',
  });
  assert.equal(nobody.code, 1);
  assert.match(
    nobody.stderr,
    /Temporal does not answer at 127\.0\.0\.1:9.*temporal\.address.*\[CONNECTION\]/,
  );
});
