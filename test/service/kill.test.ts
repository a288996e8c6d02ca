import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { JobRecord } from '../../src/jobs/job.ts';
import { startCli } from '../commands/cli.ts';
import { HELD_OBJECTS, startHeldLake } from '../support/held-lake.ts';
import { until } from '../support/until.ts';

/** The address that a started service tells. */
async function listening(service: ChildProcess): Promise<string> {
  let said = '';
  service.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  return await until(() => {
    assert.equal(service.exitCode, null, said);
    return /listens on (http:\S+)/.exec(said)?.[1];
  });
}

it('a service that is killed goes on with its jobs at the next start', async () => {
  const home = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
  const lake = await startHeldLake();
  let service: ChildProcess | undefined;
  try {
    writeFileSync(
      join(home, 'sluice.yaml'),
      [`connections: {lake: ${lake.connection}}`, 'use: {"lakefs://": lake}', 'concurrency: 4'].join('\n'),
    );
    service = startCli(['serve', '--listen', '127.0.0.1:0'], home);
    const out = join(home, 'out');
    lake.hold();
    const started = await fetch(`${await listening(service)}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        kind: 'lake-export',
        id: 'one',
        spec: { source: 'lakefs://repo/main', destination: out },
      }),
    });
    assert.equal(started.status, 202, await started.text());
    await until(() => existsSync(out) && readdirSync(out).length > 20);
    service.kill('SIGKILL');
    await once(service, 'exit');
    lake.release();

    service = startCli(['serve', '--listen', '127.0.0.1:0'], home);
    const address = await listening(service);
    const job = await until(async () => {
      const record = (await (await fetch(`${address}/v1/jobs/one`)).json()) as JobRecord;
      return record.status === 'SUCCESS' && record;
    });
    assert.equal(job.attempts, 2);
    assert.equal(readdirSync(out).filter((name) => /^f\d+$/.test(name)).length, HELD_OBJECTS);
    service.kill('SIGTERM');
    const [code] = await once(service, 'exit');
    assert.equal(code, 0);
  } finally {
    service?.kill('SIGKILL');
    await lake.close();
    rmSync(home, { recursive: true, force: true });
  }
});
