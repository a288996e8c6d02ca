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
import { until } from '../support/until.ts';
import { bareEnv } from './cli.ts';

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
    env: bareEnv(home),
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

  test('says that a job of this id had ended before, and was not run again', async () => {
    const spec = { folder: join(home, 'again'), parts: 1 };
    const [, first] = await follow('again', spec, 'log').ran;
    assert.doesNotMatch(first!, /Nothing was done/);
    const [, second] = await follow('again', spec, 'log').ran;
    assert.match(second!, /Job again had ended at \d{4}-.* already: SUCCESS\. Nothing was done now\./);
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
    const { child, ran } = follow('once', { folder, parts: 50, gated: true }, 'none');
    await until(async () => (await notes(folder, 'ran')).length > 0);
    // As a terminal does it: the wrapper and the program both get it, and the wrapper hands it on. Of one signal only
    // one waits while the program does not run, so that two of them make sure that it gets both at once.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) child.kill(signal);
    await ran;
    assert.equal(child.exitCode, 130);
    assert.equal((await notes(folder, 'finished'))[0]!.status, 'CANCELED');
  });

  test('a second Ctrl-C ends at once, and the job can be resumed', async () => {
    const folder = join(home, 'twice');
    const { child, ran } = follow('twice', { folder, parts: 20, gated: true, stubborn: true }, 'none');
    await until(async () => (await notes(folder, 'ran')).length > 0);
    child.kill('SIGINT');
    await sleep(400);
    assert.equal(child.exitCode, null, 'what is in flight is waited for');
    // A machine that is slow may have brought it the first one only now.
    while (child.exitCode === null) {
      child.kill('SIGINT');
      await Promise.race([ran, sleep(400)]);
    }
    await ran;
    assert.equal(child.exitCode, 130);
    const engine = await testEngine(join(home, 'state'));
    assert.equal((await engine.get('twice')).interrupted, true);
    await engine.close();
  });
});
