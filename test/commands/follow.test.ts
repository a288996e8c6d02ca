import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CountingSpec, notes } from '../support/counting-kind.ts';
import { testEngine } from '../support/local-engine.ts';

const program = join(import.meta.dirname, '../support/follow-program.ts');

let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-follow-'));
});
after(() => rm(home, { recursive: true, force: true }));

function follow(
  id: string,
  spec: CountingSpec,
  progress: string,
): { child: ChildProcess; ran: Promise<string[]> } {
  const child = spawn(process.execPath, [program, id, JSON.stringify(spec), progress], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, SLUICE_STATE: join(home, 'state') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = ['', ''];
  child.stdout!.on('data', (chunk) => {
    texts[0] += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    texts[1] += chunk;
  });
  return { child, ran: once(child, 'close').then(() => texts) };
}

async function someDone(folder: string): Promise<void> {
  while ((await notes(folder, 'done')).length < 5) await sleep(10);
}

describe('following a job', { concurrency: 2 }, () => {
  test('prints JSON lines for programs', async () => {
    const folder = join(home, 'json');
    const faults = { p0000002: { code: 'ACCESS_DENIED' as const } };
    const { child, ran } = follow('json', { folder, parts: 4, faults, delay: 5 }, 'json');
    const [stdout] = await ran;
    const events = stdout!
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.filter((event) => event.event === 'status').map((event) => event.status),
      ['TRANSFERRING', 'FAILED'],
    );
    assert.equal(events.find((event) => event.event === 'part').error.code, 'ACCESS_DENIED');
    assert.equal(child.exitCode, 1);
  });

  test('prints lines for people, failures at once', async () => {
    const folder = join(home, 'log');
    const faults = { p0000002: { code: 'ACCESS_DENIED' as const } };
    const { ran } = follow('log', { folder, parts: 4, faults }, 'log');
    const [stdout, stderr] = await ran;
    assert.equal(stdout, '');
    assert.match(stderr!, /^counting log: started\n/);
    assert.match(stderr!, /part 2 failed: Part p0000002 broke\. \[ACCESS_DENIED\]/);
  });

  test('redraws one line on a terminal', async () => {
    const { child, ran } = follow('line', { folder: join(home, 'line'), parts: 200, delay: 10 }, 'line');
    const [, stderr] = await ran;
    assert.equal(child.exitCode, 0);
    assert.match(stderr!, /\r\u001b\[Kcounting line: \d+ of 400 objects · .*KiB/u);
    assert.ok(stderr!.endsWith('\r\u001b[K'), 'and removes it');
  });

  test('Ctrl-C stops cleanly, with a report, and 130', async () => {
    const folder = join(home, 'once');
    const { child, ran } = follow('once', { folder, parts: 5000, delay: 10 }, 'none');
    await someDone(folder);
    // As a terminal does it: the wrapper and the program both get it, and the wrapper hands it on.
    child.kill('SIGINT');
    child.kill('SIGINT');
    await ran;
    assert.equal(child.exitCode, 130);
    assert.equal((await notes(folder, 'finished'))[0]!.status, 'CANCELED');
  });

  test('a second Ctrl-C ends at once, and the job can be resumed', async () => {
    const folder = join(home, 'twice');
    const { child, ran } = follow('twice', { folder, parts: 20, delay: 5000, stubborn: true }, 'none');
    while ((await notes(folder, 'ran')).length === 0) await sleep(10);
    child.kill('SIGINT');
    await sleep(400);
    assert.equal(child.exitCode, null, 'what is in flight is waited for');
    child.kill('SIGINT');
    await ran;
    assert.equal(child.exitCode, 130);
    const engine = await testEngine(join(home, 'state'));
    assert.equal((await engine.get('twice')).interrupted, true);
    await engine.close();
  });
});
