import { formatBytes, formatCount, formatDuration, formatTime, printable } from '../base/format.ts';
import { isFinal, type JobRecord } from '../jobs/job.ts';
import type { PartRecord } from '../jobs/part.ts';

/** The status, as people should read it. */
export function statusOf(job: JobRecord): string {
  return job.interrupted ? 'INTERRUPTED' : job.status;
}

/** `12,345 objects, 1.2 GiB` */
export function summaryOf({ progress: { counts } }: JobRecord): string {
  const objects = `${formatCount(counts.objects ?? 0)} objects`;
  return counts.bytes ? `${objects}, ${formatBytes(counts.bytes)}` : objects;
}

/** How it went, in a few words. */
export function outcomeOf(job: JobRecord): string {
  if (job.error) return job.error.message.slice(0, 100);
  if (job.interrupted) return `go on with: sluice jobs resume ${job.id}`;
  return isFinal(job.status) && job.startedAt !== undefined && job.completedAt !== undefined
    ? formatDuration(job.completedAt - job.startedAt)
    : '';
}

/** All about a job, line by line. */
export function describeJob(job: JobRecord): string {
  const { counts, parts, planned } = job.progress;
  const took =
    job.startedAt !== undefined && job.completedAt !== undefined
      ? ` (took ${formatDuration(job.completedAt - job.startedAt)})`
      : '';
  const rows: [string, string | undefined][] = [
    ['Job', job.id],
    ['Kind', job.kind],
    ['Status', job.interrupted ? `INTERRUPTED (go on with: sluice jobs resume ${job.id})` : job.status],
    ['Created', formatTime(job.createdAt)],
    ['Started', job.startedAt === undefined ? undefined : formatTime(job.startedAt)],
    ['Ended', job.completedAt === undefined ? undefined : `${formatTime(job.completedAt)}${took}`],
    ['Attempts', job.attempts > 1 ? String(job.attempts) : undefined],
    ...countRows(counts),
    ['Parts', partsText(parts, planned)],
    ['Error', job.error && `${job.error.message} [${job.error.code}]`],
    ['Spec', JSON.stringify(job.spec)],
    ['Report', job.report === undefined ? undefined : JSON.stringify(job.report)],
  ];
  return rows
    .filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '')
    .map(([name, value]) => `${name.padEnd(10)} ${printable(value)}`)
    .join('\n');
}

function countRows(counts: JobRecord['progress']['counts']): [string, string][] {
  const { objects = 0, bytes, plannedObjects, plannedBytes, ...others } = counts;
  const rows: [string, string][] = [
    ['Objects', `${formatCount(objects)}${plannedObjects ? ` of ${formatCount(plannedObjects)}` : ''}`],
  ];
  if (bytes || plannedBytes) {
    const of = plannedBytes ? ` of ${formatBytes(plannedBytes)}` : '';
    rows.push(['Bytes', `${formatBytes(bytes ?? 0)}${of}`]);
  }
  for (const [name, count] of Object.entries(others)) {
    if (count) rows.push([name.charAt(0).toUpperCase() + name.slice(1), formatCount(count)]);
  }
  return rows;
}

function partsText(parts: JobRecord['progress']['parts'], planned: boolean): string {
  const text = Object.entries(parts)
    .map(([status, count]) => `${formatCount(count)} ${status}`)
    .join(', ');
  return text && !planned ? `${text}, and more to plan` : text;
}

/** A part, and under it what of it failed. */
export function describePart(part: PartRecord): string {
  const why = part.error ? `${part.error.message} [${part.error.code}]` : (part.skipped ?? '');
  const lines = [`  ${part.status.padEnd(12)} ${part.id}  ${part.label}${why ? `: ${why}` : ''}`];
  for (const { item, code, message } of part.failures) lines.push(`    ${item}: ${message} [${code}]`);
  return lines.map(printable).join('\n');
}
