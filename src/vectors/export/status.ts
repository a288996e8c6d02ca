import type { Engine } from '../../jobs/engine.ts';
import type { JobRecord, PartStatus } from '../../jobs/job.ts';
import type { PartRecord } from '../../jobs/part.ts';
import type { ExportPartBody, ExportPartData, PinnedVectors } from './pinned.ts';
import type { VectorReport } from './report.ts';

/** How far a shard is: a tenant, or the shards of a class without tenants, which are read as one. */
export interface ShardStatus {
  status: 'TRANSFERRING' | 'SUCCESS' | 'FAILED' | 'SKIPPED';
  objectsExported: number;
  error?: string;
  skipReason?: string;
}

export interface ClassStatus {
  status: ShardStatus['status'];
  objectsExported: number;
  fileSizeBytes: number;
  error?: string;
}

/** In Weaviate's own words (`GET /v1/export/{backend}/{id}`), of an export that runs or has ended. */
export interface ExportStatus {
  classes: string[];
  shardStatus: Record<string, Record<string, ShardStatus>>;
  progress: Record<string, ClassStatus>;
}

const PAGE = 500;
/** The one that stands for a shard whose parts have several. */
const RANK: ShardStatus['status'][] = ['SKIPPED', 'SUCCESS', 'TRANSFERRING', 'FAILED'];

/** Gathers the status of an export by class and shard from its parts. Before the job is pinned there are no classes. */
export async function exportStatus(engine: Engine, job: JobRecord): Promise<ExportStatus> {
  const pinned = job.pinned as PinnedVectors | undefined;
  const status: ExportStatus = { classes: [], shardStatus: {}, progress: {} };
  if (!pinned) return status;
  for (const { name } of pinned.classes) {
    status.classes.push(name);
    status.shardStatus[name] = {};
    status.progress[name] = { status: 'TRANSFERRING', objectsExported: 0, fileSizeBytes: 0 };
  }
  for (let after: string | undefined; ; ) {
    const page = await engine.parts(job.id, { after, limit: PAGE });
    for (const part of page) takePart(part, pinned, status);
    after = page.at(-1)?.id;
    if (page.length < PAGE) break;
  }
  const report = job.report as VectorReport | undefined;
  for (const name of status.classes) {
    const counted = report?.classes[name]?.shards;
    if (counted) status.shardStatus[name] = byShard(status.shardStatus[name]!, counted);
    const shards = Object.values(status.shardStatus[name]!);
    const own = status.progress[name]!;
    if (shards.length > 0) own.status = shards.map((shard) => shard.status).reduce(worse);
    own.error ??= shards.find((shard) => shard.error !== undefined)?.error;
  }
  return status;
}

/** Shards that were read as one, each with what the server counts in it. */
function byShard(
  asOne: Record<string, ShardStatus>,
  counted: Record<string, number>,
): Record<string, ShardStatus> {
  const [whole] = Object.values(asOne);
  if (!whole) return asOne;
  return Object.fromEntries(
    Object.entries(counted).map(([shard, objectsExported]) => [shard, { ...whole, objectsExported }]),
  );
}

function takePart(part: PartRecord, pinned: PinnedVectors, status: ExportStatus): void {
  const body = part.body as ExportPartBody;
  const data = part.data as ExportPartData | undefined;
  const { name, shards } = pinned.classes[body.class]!;
  const shardStatus = status.shardStatus[name]!;
  for (const { tenant, reason } of [...body.skip, ...(data?.skipped ?? [])]) {
    shardStatus[tenant] = { status: 'SKIPPED', objectsExported: 0, skipReason: reason };
  }
  const tenants = new Set(body.slices.filter((slice) => !slice.gone).map((slice) => slice.tenant ?? ''));
  if (body.native !== undefined) tenants.add(body.tenant ?? '');
  for (const tenant of tenants) {
    const shard = tenant === '' ? shards.join(',') || name : tenant;
    if (data?.skipped.some((each) => each.tenant === tenant)) continue;
    const before = shardStatus[shard];
    const objects = data?.rows[tenant] ?? 0;
    const now = shardOf(part, objects);
    shardStatus[shard] = {
      ...now,
      status: before ? worse(before.status, now.status) : now.status,
      objectsExported: (before?.objectsExported ?? 0) + objects,
    };
    if (shardStatus[shard].status !== 'SKIPPED') delete shardStatus[shard].skipReason;
  }
  status.progress[name]!.objectsExported += part.counts.objects ?? 0;
  status.progress[name]!.fileSizeBytes += data?.file?.bytes ?? 0;
}

function shardOf(part: PartRecord, objects: number): ShardStatus {
  const error = part.error?.message ?? part.failures[0]?.message;
  const states: Record<PartStatus, ShardStatus['status']> = {
    PENDING: 'TRANSFERRING',
    TRANSFERRING: 'TRANSFERRING',
    SUCCESS: objects > 0 ? 'SUCCESS' : 'SKIPPED',
    FAILED: 'FAILED',
    CANCELED: 'FAILED',
    SKIPPED: 'SKIPPED',
  };
  const status = states[part.status];
  return {
    status,
    objectsExported: objects,
    ...(status === 'FAILED' ? { error: error ?? 'canceled' } : {}),
    ...(status === 'SKIPPED' ? { skipReason: part.skipped ?? 'it has no objects' } : {}),
  };
}

function worse(a: ShardStatus['status'], b: ShardStatus['status']): ShardStatus['status'] {
  return RANK.indexOf(a) > RANK.indexOf(b) ? a : b;
}
