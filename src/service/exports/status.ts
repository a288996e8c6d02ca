import type { Engine } from '../../jobs/engine.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { VectorReport } from '../../vectors/export/report.ts';
import { exportStatus, type ExportStatus as PartsStatus } from '../../vectors/export/status.ts';
import type { ExportRecord } from './exports.ts';

/** An export's status as Weaviate's clients know it (GET /v1/export/{backend}/{id}, Weaviate 1.37). */
export interface ExportStatus {
  id: string;
  backend: string;
  path: string;
  status: JobRecord['status'];
  startedAt: string;
  completedAt?: string;
  tookInMs?: number;
  classes: string[];
  error?: string;
}

export function statusOf(record: ExportRecord, job: JobRecord): ExportStatus {
  const { backend, id, path, classes, startedAt } = record;
  const { status, completedAt, error } = job;
  const ended = isFinal(status) && completedAt !== undefined;
  return {
    id,
    backend,
    path,
    status,
    startedAt: new Date(startedAt).toISOString(),
    ...(ended
      ? { completedAt: new Date(completedAt).toISOString(), tookInMs: Math.max(0, completedAt - startedAt) }
      : {}),
    classes,
    ...(error ? { error: error.message } : {}),
  };
}

/** The status with what became of every class and shard. */
export async function detailedStatus(
  record: ExportRecord,
  job: JobRecord,
  engine: Engine,
): Promise<ExportStatus & Pick<PartsStatus, 'shardStatus' | 'progress'>> {
  const { shardStatus, progress } = await exportStatus(engine, job);
  const report = job.report as unknown as Partial<VectorReport> | undefined;
  for (const [name, { objects, bytes }] of Object.entries(report?.classes ?? {})) {
    // Parts that were read again at the end are in the report only.
    if (progress[name]) Object.assign(progress[name], { objectsExported: objects, fileSizeBytes: bytes });
  }
  return { ...statusOf(record, job), shardStatus, progress };
}
