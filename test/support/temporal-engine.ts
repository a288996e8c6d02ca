import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionsOf } from '../../src/base/connections.ts';
import { Limiter } from '../../src/base/limiter.ts';
import { bundleWorkflows } from '../../src/jobs/engines/temporal/bundle.ts';
import { TemporalEngine, type TemporalEngineOptions } from '../../src/jobs/engines/temporal/engine.ts';
import { silentLog } from '../../src/jobs/kind.ts';
import { kindsOf } from '../../src/jobs/registry.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { countingKind } from './counting-kind.ts';

/** What the engines of one test share. */
export interface Place {
  address: string;
  taskQueue: string;
  /** A file with the workflows. */
  bundle: string;
}

/** Bundles the workflows once for all engines of a test file; removed with the process. */
export async function bundleFile(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bundle-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'workflows.js');
  writeFileSync(path, (await bundleWorkflows()).code);
  return path;
}

/** An engine that knows the counting kind and does not wait long before it tries again. */
export function temporalEngine(
  { address, taskQueue, bundle }: Place,
  options: Partial<TemporalEngineOptions> = {},
): Promise<TemporalEngine> {
  const connections = connectionsOf();
  return TemporalEngine.open({
    to: { address, namespace: 'default' },
    taskQueue,
    bundle: { codePath: bundle },
    environment: {
      kinds: kindsOf({ counting: async () => countingKind }),
      open: storeOpener([], connections),
      connections,
      slots: new Limiter(16),
      log: silentLog,
    },
    work: 'own',
    retry: { attempts: 3, baseDelay: 2, maxDelay: 10, deadline: 10_000 },
    partsAtOnce: 4,
    patience: 15_000,
    lostAfter: 15_000,
    beat: 200,
    poll: 100,
    ...options,
    tuning: { silence: 10_000, taskParts: 4, ...options.tuning },
  });
}

// Run as a program: submits one job, waits for it, prints how it ended; without a job it only works.
if (process.argv[1] === import.meta.filename) {
  const [place, id, spec, options] = process.argv.slice(2) as [string, string, string, string | undefined];
  const engine = await temporalEngine(JSON.parse(place), {
    ...(id === '' ? { work: 'always' } : {}),
    ...JSON.parse(options ?? '{}'),
  });
  if (id === '') {
    console.log('ready');
    process.once('SIGTERM', () => void engine.close());
    await engine.workEnded();
  } else {
    const { id: submitted } = await engine.submit('counting', JSON.parse(spec), { id });
    const { status, progress } = await engine.wait(submitted);
    console.log(JSON.stringify({ status, progress }));
    await engine.close();
  }
}
