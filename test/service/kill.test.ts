import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { createSampleLake } from '../../src/demo/lake/sample.ts';
import type { JobRecord } from '../../src/jobs/job.ts';
import { startCli } from '../commands/cli.ts';
import { until } from '../support/until.ts';

const OBJECTS = 1500;

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
  const lake = await createSampleLake({ repository: 'repo' });
  let service: ChildProcess | undefined;
  try {
    for (let i = 0; i < OBJECTS; i++) await lake.put('main', `f${i}`, `content ${i}`);
    await lake.commit('main', 'fill');
    const { url, accessKeyId, secretAccessKey } = lake.server;
    writeFileSync(
      join(home, 'sluice.yaml'),
      [
        `connections: {lake: {type: lakefs, endpoint: "${url}", access_key_id: "${accessKeyId}", secret_access_key: "${secretAccessKey}"}}`,
        'use: {"lakefs://": lake}',
        'concurrency: 4',
      ].join('\n'),
    );
    service = startCli(['serve', '--listen', '127.0.0.1:0'], home);
    const out = join(home, 'out');
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

    service = startCli(['serve', '--listen', '127.0.0.1:0'], home);
    const address = await listening(service);
    const job = await until(async () => {
      const record = (await (await fetch(`${address}/v1/jobs/one`)).json()) as JobRecord;
      return record.status === 'SUCCESS' && record;
    });
    assert.equal(job.attempts, 2);
    assert.equal(readdirSync(out).filter((name) => /^f\d+$/.test(name)).length, OBJECTS);
    service.kill('SIGTERM');
    const [code] = await once(service, 'exit');
    assert.equal(code, 0);
  } finally {
    service?.kill('SIGKILL');
    await lake.close();
    rmSync(home, { recursive: true, force: true });
  }
});
