import type { Engine } from '../../jobs/engine.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { PartRecord } from '../../jobs/part.ts';
import type { ExportPartData } from '../../vectors/export/part.ts';
import type { ExportPartBody, PinnedVectors } from '../../vectors/export/pinned.ts';
import type { VectorReport } from '../../vectors/export/report.ts';
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

export interface ShardStatus {
  status: 'TRANSFERRING' | 'SUCCESS' | 'FAILED' | 'SKIPPED';
  objectsExported: number;
  error?: string;
  skipReason?: string;
}

export interface ClassProgress {
  status: JobRecord['status'];
  objectsExported: number;
  fileSizeBytes: number;
  error?: string;
}

export interface DetailedStatus extends ExportStatus {
  /** By class, then by shard or tenant. */
  shardStatus: Record<string, Record<string, ShardStatus>>;
  progress: Record<string, ClassProgress>;
}

const PARTS_A_PAGE = 1000;

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

/** The status with what became of every class and shard, put together of the job's parts. */
export async function detailedStatus(
  record: ExportRecord,
  job: JobRecord,
  engine: Engine,
): Promise<DetailedStatus> {
  const pinned = job.pinned as PinnedVectors | undefined;
  const shardStatus: DetailedStatus['shardStatus'] = {};
  const progress: DetailedStatus['progress'] = {};
  for (const name of record.classes) {
    shardStatus[name] = {};
    progress[name] = { status: waiting(job), objectsExported: 0, fileSizeBytes: 0 };
  }
  if (!pinned) return { ...statusOf(record, job), shardStatus, progress };
  for await (const part of partsOf(job.id, engine)) {
    const { class: index } = part.body as ExportPartBody;
    const { name, shards } = pinned.classes[index]!;
    tell(part, shardStatus[name]!, progress[name]!, shards.join(',') || name);
  }
  const report = job.report as unknown as VectorReport | undefined;
  for (const [name, found] of Object.entries(report?.classes ?? {})) {
    const at = progress[name];
    // Parts that were read again at the end are in the report only.
    if (at) Object.assign(at, { objectsExported: found.objects, fileSizeBytes: found.bytes });
  }
  if (isFinal(job.status)) for (const each of Object.values(progress)) settle(each, job);
  return { ...statusOf(record, job), shardStatus, progress };
}

async function* partsOf(id: string, engine: Engine): AsyncGenerator<PartRecord> {
  for (let after: string | undefined; ; ) {
    const page = await engine.parts(id, { limit: PARTS_A_PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < PARTS_A_PAGE) return;
    after = page.at(-1)!.id;
  }
}

function tell(
  part: PartRecord,
  shards: Record<string, ShardStatus>,
  progress: ClassProgress,
  shardName: string,
): void {
  const body = part.body as ExportPartBody;
  const data = part.data as ExportPartData | undefined;
  progress.objectsExported += part.counts.objects ?? 0;
  progress.fileSizeBytes += part.counts.bytes ?? 0;
  if (part.status !== 'PENDING') progress.status = 'TRANSFERRING';
  const error = part.error?.message ?? part.failures[0]?.message;
  if (error !== undefined) progress.error ??= error;
  for (const { tenant, reason } of data?.skipped ?? body.skip) {
    shards[tenant] = { status: 'SKIPPED', objectsExported: 0, skipReason: reason };
  }
  for (const { tenant } of body.slices) {
    const name = tenant ?? shardName;
    const before = shards[name];
    if (before?.status === 'SKIPPED') continue;
    const objects = data
      ? (data.rows[tenant ?? ''] ?? 0)
      : tenant === undefined
        ? (part.counts.objects ?? 0)
        : 0;
    const mine = part.status === 'SUCCESS' || part.status === 'SKIPPED' ? 'SUCCESS' : undefined;
    const status = part.status === 'FAILED' ? 'FAILED' : (mine ?? 'TRANSFERRING');
    shards[name] = {
      status: worse(before?.status, status),
      objectsExported: (before?.objectsExported ?? 0) + objects,
      ...(error === undefined ? (before?.error ? { error: before.error } : {}) : { error }),
    };
  }
}

const RANK = { SKIPPED: 0, SUCCESS: 1, TRANSFERRING: 2, FAILED: 3 } as const;

function worse(a: ShardStatus['status'] | undefined, b: ShardStatus['status']): ShardStatus['status'] {
  return a !== undefined && RANK[a] > RANK[b] ? a : b;
}

function waiting(job: JobRecord): JobRecord['status'] {
  return isFinal(job.status) ? job.status : 'STARTED';
}

/** A class of an export that ended has ended, too; one that failed is one with an error, unless the whole job is to blame. */
function settle(progress: ClassProgress, job: JobRecord): void {
  progress.status = job.status;
  if (job.status === 'FAILED' && progress.error === undefined && job.error)
    progress.error = job.error.message;
}
