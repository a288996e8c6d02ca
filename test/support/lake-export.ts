import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type App, createApp } from '../../src/app.ts';
import type { Json } from '../../src/base/json.ts';
import { loadSettings } from '../../src/config/load.ts';
import { createSampleLake, type SampleLake, type SampleLakeOptions } from '../../src/demo/lake/sample.ts';
import type { JobRecord } from '../../src/jobs/job.ts';
import type { JobContext } from '../../src/jobs/kind.ts';
import type { ObjectOutcome } from '../../src/lake/export/outcomes.ts';
import type { ExportReport } from '../../src/lake/export/report.ts';
import { readAll } from '../../src/stores/read.ts';
import type { Store } from '../../src/stores/store.ts';

/** A sample lake, an app that knows it, and a destination; all gone when the test ends. */
export interface Bench {
  lake: SampleLake;
  app: App;
  /** A temporary folder. */
  folder: string;
  /** Exports and waits for the end. */
  run(spec: { [key: string]: Json }): Promise<JobRecord & { report: ExportReport }>;
  context: JobContext;
}

export async function lakeBench(
  test: TestContext,
  options: SampleLakeOptions & { connections?: object[]; use?: Record<string, string> } = {},
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-export-'));
  const lake = await createSampleLake({ repository: 'repo', rangeEntries: 40, ...options });
  const { settings } = loadSettings({
    env: { SLUICE_STATE: join(folder, 'state'), HOME: folder },
    cwd: folder,
  });
  const { url, accessKeyId, secretAccessKey } = lake.server;
  const connection = {
    name: 'lake',
    type: 'lakefs',
    endpoint: url,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
  };
  const app = await createApp({
    ...settings,
    connections: [connection, ...((options.connections ?? []) as (typeof connection)[])],
    use: { 'lakefs://': 'lake', ...options.use },
  });
  test.after(async () => {
    await app.close();
    await lake.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    lake,
    app,
    folder,
    async run(spec) {
      const engine = await app.engine();
      const { id } = await engine.submit('lake-export', spec);
      return (await engine.wait(id)) as JobRecord & { report: ExportReport };
    },
    context: {
      jobId: 'test',
      attempt: 1,
      startedAt: Date.now(),
      signal: new AbortController().signal,
      open: app.open,
      connections: app.connections,
      slots: app.environment.slots,
      log: app.log,
    },
  };
}

/** Every object under a folder of a store, Sluice's own left out: key below the folder → text. */
export async function contents(store: Store, folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const page of store.list({ prefix: folder })) {
    for (const { key } of page.objects) {
      const name = key.slice(folder.length);
      if (name.startsWith('_sluice/') || name.startsWith('EXPORT_')) continue;
      found[name] = (await readAll((await store.get(key)).body)).toString('utf8');
    }
  }
  return found;
}

/** The outcomes that a report's lines tell, by path. */
export async function outcomes(store: Store, report: ExportReport): Promise<Map<string, ObjectOutcome>> {
  const found = new Map<string, ObjectOutcome>();
  for await (const page of store.list({ prefix: report.details! })) {
    for (const { key } of page.objects) {
      const lines = gunzipSync(await readAll((await store.get(key)).body)).toString('utf8');
      for (const line of lines.split('\n').filter(Boolean)) {
        const outcome = JSON.parse(line) as ObjectOutcome;
        found.set(outcome.path, outcome);
      }
    }
  }
  return found;
}
