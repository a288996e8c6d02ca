import type { Json } from '../../base/json.ts';
import type { JobFailure } from '../../jobs/job.ts';
import type { JobContext, Outcome } from '../../jobs/kind.ts';
import type { ItemFailure } from '../../jobs/part.ts';
import type { PinnedExport } from './pinned.ts';
import type { Session } from './session.ts';
import { ownFolder } from './state.ts';

/** Failures that the report and the marker name; every one of them is in the object lines. */
const FAILURES_NAMED = 10_000;

/** The summary of one run, kept with the job and written beside the data. */
export interface ExportReport {
  [key: string]: Json | undefined;
  job: string;
  status: 'SUCCESS' | 'FAILED' | 'CANCELED';
  source: string;
  /** The commit that was exported. */
  commit: string;
  destination: string;
  name: string;
  mode: 'full' | 'incremental' | 'nothing';
  since?: string;
  uncommitted: boolean;
  startedAt: string;
  completedAt: string;
  /** Milliseconds. */
  duration: number;
  /** Objects by what became of them, and bytes moved. */
  objects: {
    copied: number;
    unchanged: number;
    deleted: number;
    kept: number;
    skipped: number;
    failed: number;
  };
  bytes: number;
  /** Objects by the way their bytes went. */
  via: Record<string, number>;
  verification: { done: boolean; unverified: number };
  parts: Record<string, number>;
  error?: { code: string; message: string };
  notes: string[];
  /** The first failures; all of them are in `details`. */
  failures: { item: string; code: string; message: string }[];
  /** Folder of the objects' outcomes, gzipped JSON lines, one file a part. */
  details?: string;
  /** The marker's key, in the destination's root. */
  marker?: string;
}

export function makeReport(
  pinned: PinnedExport,
  outcome: Outcome,
  failures: ItemFailure[],
  context: JobContext,
  error: JobFailure | undefined,
): ExportReport {
  const { counts, parts } = outcome.progress;
  const now = Date.now();
  const via: Record<string, number> = {};
  for (const [name, count] of Object.entries(counts)) if (name.startsWith('via_')) via[name.slice(4)] = count;
  return {
    job: context.jobId,
    status: outcome.status,
    source: pinned.spec.source,
    commit: pinned.commit,
    destination: pinned.spec.destination,
    name: pinned.spec.name,
    mode: pinned.mode,
    since: pinned.since,
    uncommitted: pinned.spec.uncommitted,
    startedAt: new Date(context.startedAt).toISOString(),
    completedAt: new Date(now).toISOString(),
    duration: now - context.startedAt,
    objects: {
      copied: counts.copied ?? 0,
      unchanged: counts.unchanged ?? 0,
      deleted: counts.deleted ?? 0,
      kept: counts.kept ?? 0,
      skipped: counts.skipped ?? 0,
      failed: counts.failed ?? 0,
    },
    bytes: counts.bytes ?? 0,
    via,
    verification: { done: pinned.spec.verify, unverified: counts.unverified ?? 0 },
    parts: { ...parts },
    error: error && { ...error },
    notes: counts.unlisted ? [...pinned.notes, unlistedNote(counts.unlisted)] : pinned.notes,
    failures: failures.map((failure) => ({ ...failure })),
  };
}

function unlistedNote(count: number): string {
  return `${count} object${count === 1 ? ' is' : 's are'} at the destination and can be read, but its listing does not show ${count === 1 ? 'it' : 'them'}: this store does not list a key below the name of another object (a and a/b).`;
}

/** The failures of all parts, as many as are named. */
export async function gatherFailures(outcome: Outcome): Promise<ItemFailure[]> {
  const failures: ItemFailure[] = [];
  for await (const part of outcome.parts({ status: 'FAILED' })) {
    if (part.error && part.failures.length === 0) failures.push({ item: part.label, ...part.error });
    for (const failure of part.failures) {
      if (failures.length >= FAILURES_NAMED) return failures;
      failures.push(failure);
    }
  }
  return failures;
}

/** Writes `_sluice/<name>/<job>/report.json`. @returns its key */
export async function writeReport(
  session: Session,
  pinned: PinnedExport,
  report: ExportReport,
): Promise<void> {
  const { store, root } = session.placement;
  const bytes = Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
  await store.put(`${root}${ownFolder(pinned.spec.name)}${report.job}/report.json`, bytes, {
    contentType: 'application/json',
  });
}

/**
 * The key of the marker in the destination's root. Style `lakefs` is that of the lakeFS export script,
 * `EXPORT_<ref>_<dd-mm-YYYY_HH:MM:SS>_SUCCESS`; Sluice's own also names the commit.
 */
export function markerName(
  pinned: PinnedExport,
  status: 'SUCCESS' | 'FAILURE',
  at: Date,
): string | undefined {
  if (pinned.spec.marker === 'none') return undefined;
  const ref = pinned.ref.replaceAll('/', '_');
  const [date, time] = at.toISOString().split(/[T.]/) as [string, string];
  if (pinned.spec.marker === 'lakefs')
    return `EXPORT_${ref}_${date.split('-').reverse().join('-')}_${time}_${status}`;
  const stamp = `${date}T${time}Z`.replace(/[-:]/g, '');
  return `EXPORT_${ref}_${pinned.commit.slice(0, 16)}_${stamp}_${status}`;
}

export function markerText(report: ExportReport): string {
  const { objects } = report;
  const lines = [
    `${report.status}: ${report.source} at ${report.commit} to ${report.destination}${report.mode === 'incremental' ? `, since ${report.since}` : ''}${report.uncommitted ? ', with uncommitted objects' : ''}`,
    `${objects.copied} copied, ${objects.unchanged} unchanged, ${objects.deleted} deleted, ${objects.kept} kept, ${objects.skipped} skipped, ${objects.failed} failed; ${report.bytes} bytes; ${report.verification.done ? `verified, ${report.verification.unverified} not comparable` : 'not verified'}`,
    `${report.startedAt} to ${report.completedAt}, job ${report.job}`,
  ];
  if (report.error) lines.push(`${report.error.code}: ${report.error.message}`);
  for (const failure of report.failures) lines.push(`${failure.code} ${failure.item}: ${failure.message}`);
  if (objects.failed > report.failures.length)
    lines.push(`… and ${objects.failed - report.failures.length} more, in ${report.details}`);
  return `${lines.join('\n')}\n`;
}
