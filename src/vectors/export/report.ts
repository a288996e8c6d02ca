import type { JobFailure } from '../../jobs/job.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { ItemFailure } from '../../jobs/part.ts';
import type { PinnedVectors } from './pinned.ts';
import type { Verification } from './verify.ts';

/** What became of a class, gathered while the export ends. */
export interface ClassReport {
  name: string;
  objects: number;
  bytes: number;
  files: { key: string; rows: number; bytes: number; tenants: string[] }[];
  /** Files of ids that were deleted since the earlier export. */
  deleted: { key: string; rows: number }[];
  /** By tenant; '' without tenants. */
  rows: Record<string, number>;
  skipped: { tenant: string; reason: string }[];
  /** Objects that were updated while the class was read, and parts that were read again for it. */
  changed: number;
  readAgain: number;
  /** Tenants, or the class, whose rows were counted against the server. */
  counted: number;
  errors: string[];
  /** The last answer of changedSince. */
  asked?: { tenant: string | undefined; changed: string[] | 'many' };
}

export function newClassReport(name: string): ClassReport {
  return {
    name,
    objects: 0,
    bytes: 0,
    files: [],
    deleted: [],
    rows: {},
    skipped: [],
    changed: 0,
    readAgain: 0,
    counted: 0,
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
  changed: number;
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
  found: Verification;
  context: JobContext;
}): VectorReport {
  const { pinned, classes, context } = from;
  const completed = Date.now();
  const changed = classes.reduce((sum, each) => sum + each.changed, 0);
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
          changed: each.changed,
          ...(pinned.spec.since === undefined
            ? {}
            : { deleted: each.deleted.reduce((sum, file) => sum + file.rows, 0) }),
          errors: each.errors.slice(0, NAMED),
        },
      ]),
    ),
    consistency:
      pinned.spec.source === 'native'
        ? "It is the server's own snapshot of its start."
        : changed === 0
          ? 'No object was updated while the export ran: it is the state at its start.'
          : `${changed} objects were updated while the export ran; the parts that hold them were read again at the end.`,
    verification: { how: pinned.spec.verify, ...from.found },
    failures: from.failures.slice(0, NAMED),
  };
}
