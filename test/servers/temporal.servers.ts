import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Engine } from '../../src/jobs/engine.ts';
import { engineContract } from '../contracts/engine.ts';
import { bundleFile, temporalEngine } from '../support/temporal-engine.ts';
import { startTemporal } from './harness.ts';

const program = join(import.meta.dirname, '../support/temporal-engine.ts');
const [server, bundle] = await Promise.all([startTemporal(), bundleFile()]);
after(() => server.stop());

engineContract('temporal engine', async () => {
  // Jobs of one test are not those of another: each has a task queue of its own.
  const place = { address: server.address, taskQueue: randomUUID(), bundle };
  const engines: Engine[] = [await temporalEngine(place)];
  const children: ChildProcess[] = [];
  return {
    engine: engines[0]!,
    async another() {
      engines.push(await temporalEngine(place));
      return engines.at(-1)!;
    },
    spawn(id, spec) {
      const args = [program, JSON.stringify(place), id, JSON.stringify(spec)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      children.push(child);
      return child;
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      for (const engine of engines) await engine.close();
    },
  };
});
