import { type ChildProcess, spawn } from 'node:child_process';
import { connectionsOf } from '../../src/base/connections.ts';
import { Limiter } from '../../src/base/limiter.ts';
import type { Engine } from '../../src/jobs/engine.ts';
import { LocalEngine } from '../../src/jobs/engines/local/engine.ts';
import { silentLog } from '../../src/jobs/kind.ts';
import { kindsOf } from '../../src/jobs/registry.ts';
import { storeOpener } from '../../src/stores/open.ts';
import type { EngineUnderTest } from '../contracts/engine.ts';
import { type CountingSpec, countingKind } from './counting-kind.ts';

/** A local engine that knows the counting kind and does not wait long before it tries again. */
export function testEngine(state: string, options: { partsAtOnce?: number } = {}): Promise<LocalEngine> {
  const connections = connectionsOf();
  return LocalEngine.open({
    state,
    environment: {
      kinds: kindsOf({ counting: async () => countingKind }),
      open: storeOpener([], connections),
      connections,
      slots: new Limiter(16),
      log: silentLog,
    },
    retry: { attempts: 3, baseDelay: 2, maxDelay: 10, deadline: 10_000 },
    partsAtOnce: 4,
    ...options,
  });
}

export const program = import.meta.filename;

/** A process that submits a counting job under an id and runs it to its end. */
export function spawnEngine(
  state: string,
  id: string,
  spec: CountingSpec,
  nodeOptions: string[] = [],
): ChildProcess {
  const args = [...nodeOptions, program, state, id, JSON.stringify(spec)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Local engines and processes on one state, for the contract of engines. */
export async function engineUnderTest(state: string): Promise<EngineUnderTest> {
  const engines: Engine[] = [await testEngine(state)];
  const children: ChildProcess[] = [];
  return {
    engine: engines[0]!,
    async another() {
      engines.push(await testEngine(state));
      return engines.at(-1)!;
    },
    spawn(id, spec) {
      const child = spawnEngine(state, id, spec);
      children.push(child);
      return child;
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      for (const engine of engines) await engine.close();
    },
  };
}

// Run as a program: submits one job, waits for it, prints how it ended.
if (process.argv[1] === import.meta.filename) {
  const [state, id, spec] = process.argv.slice(2) as [string, string, string];
  const engine = await testEngine(state);
  const { id: submitted } = await engine.submit('counting', JSON.parse(spec), { id });
  const { status, progress } = await engine.wait(submitted);
  console.log(JSON.stringify({ status, progress }));
  await engine.close();
}
