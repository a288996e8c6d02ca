import type { JobFailure } from '../../jobs/job.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { ItemFailure } from '../../jobs/part.ts';
import type { PinnedVectors } from './pinned.ts';
import type { Reread } from './reread.ts';
import type { Verification } from './verify.ts';

/** What became of a class, gathered while the export ends. */
export interface ClassReport {
  name: string;
  objects: number;
  bytes: number;
  files: { key: string; rows: number; bytes: number; tenants: string[] }[];
  /** Files of ids that were deleted since the earlier export. */
  deleted: { key: string; rows: number; tenants: string[] }[];
  /** By tenant; '' without tenants. */
  rows: Record<string, number>;
  /** Of an increment, by tenant. */
  balance: Record<string, Record<string, number>>;
  skipped: { tenant: string; reason: string }[];
  /** Tenants of the earlier exports that the server no longer has. */
  gone: string[];
  /** Objects by shard, of a class of several, where the server's counts add up to what was written. */
  shards?: Record<string, number> | undefined;
  errors: string[];
}

export function newClassReport(name: string): ClassReport {
  return {
    name,
    objects: 0,
    bytes: 0,
    files: [],
    deleted: [],
    rows: {},
    balance: {},
    skipped: [],
    gone: [],
    errors: [],
  };
}

/** What is kept with the job and written beside the data. */
export interface VectorReport {
  job: string;
  id: string;
  status: 'SUCCESS' | 'FAILED' | 'CANCELED';
  error?: JobFailure;
  source: string;
  version: string;
  destination: string;
  layout: string;
  /** The earlier export that this one holds the changes of. */
  since?: string;
  startedAt: string;
  completedAt: string;
  /** Milliseconds. */
  duration: number;
  objects: number;
  bytes: number;
  classes: Record<string, ClassSummary>;
  /** How consistent the export is: nothing is locked, so what changed while it ran is found and read again. */
  consistency: string;
  verification: Verification & { how: string };
  /** The first ones. */
  failures: ItemFailure[];
}

export interface ClassSummary {
  objects: number;
  bytes: number;
  files: number;
  tenants?: number;
  skipped: { tenant: string; reason: string }[];
  /** Objects that changed after they were read, and were read again. */
  changed: number;
  /** Objects on the server by shard, of a class of several, where they add up to those written. */
  shards?: Record<string, number>;
  /** Of an increment: tenants that the earlier export has and the server no longer. */
  deletedTenants?: string[];
  /** Of an increment: ids that the earlier export has and the server no longer. */
  deleted?: number;
  errors: string[];
}

/** Tenants and errors named for each class; all of them are in the metadata file. */
const NAMED = 100;

export function makeReport(from: {
  pinned: PinnedVectors;
  status: VectorReport['status'];
  error: JobFailure | undefined;
  classes: ClassReport[];
  failures: ItemFailure[];
  reread: Reread | undefined;
  found: Verification;
  context: JobContext;
}): VectorReport {
  const { pinned, classes, context, reread } = from;
  const completed = Date.now();
  return {
    job: context.jobId,
    id: pinned.spec.id,
    status: from.status,
    ...(from.error ? { error: from.error } : {}),
    source: pinned.spec.weaviate,
    version: pinned.version,
    destination: `${pinned.spec.destination.replace(/\/+$/, '')}/${pinned.spec.id}/`,
    layout: pinned.spec.layout,
    ...(pinned.spec.since === undefined ? {} : { since: pinned.spec.since }),
    startedAt: new Date(context.startedAt).toISOString(),
    completedAt: new Date(completed).toISOString(),
    duration: completed - context.startedAt,
    objects: classes.reduce((sum, each) => sum + each.objects, 0),
    bytes: classes.reduce((sum, each) => sum + each.bytes, 0),
    classes: Object.fromEntries(
      classes.map((each, i) => [
        each.name,
        {
          objects: each.objects,
          bytes: each.bytes,
          files: each.files.length,
          ...(pinned.classes[i]!.multiTenant ? { tenants: Object.keys(each.rows).length } : {}),
          skipped: each.skipped.slice(0, NAMED),
          changed: reread?.changed[i] ?? 0,
          ...(each.shards ? { shards: each.shards } : {}),
          ...(each.gone.length > 0 ? { deletedTenants: each.gone.slice(0, NAMED) } : {}),
          ...(pinned.spec.since === undefined
            ? {}
            : { deleted: each.deleted.reduce((sum, file) => sum + file.rows, 0) }),
          errors: each.errors.slice(0, NAMED),
        },
      ]),
    ),
    consistency: consistencyOf(pinned, reread),
    verification: { how: pinned.spec.verify, ...from.found },
    failures: from.failures.slice(0, NAMED),
  };
}

function consistencyOf(pinned: PinnedVectors, reread: Reread | undefined): string {
  if (pinned.spec.source === 'native') return "It is the server's own snapshot of its start.";
  if (!reread) return 'It was not looked for what changed while the export ran.';
  const { updated, changed, rounds, quiet } = reread;
  if (updated === 0) return 'No object was updated while the export ran: it is the state at its start.';
  const again = changed.reduce((sum, each) => sum + each, 0);
  const objects = (count: number) => `${count} ${count === 1 ? 'object' : 'objects'}`;
  const end = quiet
    ? 'until nothing had changed any more'
    : 'and objects still changed: those that changed last may be in an older state';
  return `${objects(updated)} updated while the export ran, ${again} of them after they had been read; these were read again, in ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${end}.`;
}
