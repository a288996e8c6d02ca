import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, connectionsOf } from '../../src/base/connections.ts';
import type { Json } from '../../src/base/json.ts';
import { Limiter } from '../../src/base/limiter.ts';
import { LocalEngine } from '../../src/jobs/engines/local/engine.ts';
import type { Environment } from '../../src/jobs/environment.ts';
import type { JobRecord } from '../../src/jobs/job.ts';
import { silentLog } from '../../src/jobs/kind.ts';
import { kindsOf } from '../../src/jobs/registry.ts';
import { fileProvider } from '../../src/stores/file/provider.ts';
import { FileStore } from '../../src/stores/file/store.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { VectorExportKind } from '../../src/vectors/export/kind.ts';
import type { VectorReport } from '../../src/vectors/export/report.ts';
import type { ImportReport } from '../../src/vectors/import/finish.ts';
import { VectorImportKind } from '../../src/vectors/import/kind.ts';
import { type FileRow, VectorFile } from '../../src/vectors/layouts/file.ts';

export interface VectorJobs {
  /** A temporary folder; exports go to `out`, reports of imports to `imports`. */
  folder: string;
  engine: LocalEngine;
  environment: Environment;
  /** Runs a job to its end. */
  run<Report>(kind: string, spec: Json, id: string): Promise<JobRecord & { report: Report }>;
  export(
    server: { url: string; grpc: string },
    id: string,
    more?: Record<string, Json>,
  ): Promise<JobRecord & { report: VectorReport }>;
  import(
    server: { url: string; grpc: string },
    id: string,
    source: string,
    more?: Record<string, Json>,
  ): Promise<JobRecord & { report: ImportReport }>;
  /** All rows of a file of an export, in order. @param file such as `nightly/Article.parquet` */
  rows(file: string): Promise<FileRow[]>;
  close(): Promise<void>;
}

/** An engine for vector jobs with its state and data in a temporary folder. */
export async function vectorJobs(
  options: { connections?: Connection[]; partsAtOnce?: number } = {},
): Promise<VectorJobs> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-vectors-'));
  const connections = connectionsOf(options.connections);
  const environment: Environment = {
    kinds: kindsOf({
      'vector-export': async () => new VectorExportKind(),
      'vector-import': async () => new VectorImportKind(),
    }),
    open: storeOpener([fileProvider], connections),
    connections,
    slots: new Limiter(16),
    log: silentLog,
  };
  const engine = await LocalEngine.open({
    state: join(folder, 'state'),
    environment,
    retry: { attempts: 3, baseDelay: 2, maxDelay: 10, deadline: 60_000 },
    partsAtOnce: options.partsAtOnce ?? 2,
  });
  const out = join(folder, 'out');
  const run = async <Report>(kind: string, spec: Json, id: string) => {
    await engine.submit(kind, spec, { id });
    return (await engine.wait(id)) as unknown as JobRecord & { report: Report };
  };
  return {
    folder,
    engine,
    environment,
    run,
    export: ({ url, grpc }, id, more = {}) =>
      run<VectorReport>('vector-export', { weaviate: url, grpc, destination: out, id, ...more }, id),
    import: ({ url, grpc }, id, source, more = {}) =>
      run<ImportReport>(
        'vector-import',
        { weaviate: url, grpc, source: join(out, source), reports: join(folder, 'imports'), id, ...more },
        id,
      ),
    async rows(file) {
      const opened = await VectorFile.open(new FileStore(out), file);
      const rows: FileRow[] = [];
      for await (const group of opened.groups()) rows.push(...group);
      return rows;
    },
    async close() {
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
