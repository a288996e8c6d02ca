import { connectionsOf } from '../../src/base/connections.ts';
import { Limiter } from '../../src/base/limiter.ts';
import { LocalEngine } from '../../src/jobs/engines/local/engine.ts';
import { silentLog } from '../../src/jobs/kind.ts';
import { kindsOf } from '../../src/jobs/registry.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { countingKind } from './counting-kind.ts';

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

// Run as a program: submits one job, waits for it, prints how it ended.
if (process.argv[1] === import.meta.filename) {
  const [state, id, spec] = process.argv.slice(2) as [string, string, string];
  const engine = await testEngine(state);
  const { id: submitted } = await engine.submit('counting', JSON.parse(spec), { id });
  const { status, progress } = await engine.wait(submitted);
  console.log(JSON.stringify({ status, progress }));
  await engine.close();
}
