import type { Command } from 'commander';
import type { App } from '../app.ts';
import { formatBytes, formatCount, formatDuration, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import { letYoungGrow } from '../base/young-generation.ts';
import type { JobContext } from '../jobs/kind.ts';
import type { ExportReport } from '../lake/export/report.ts';
import { parseLakeExportSpec } from '../lake/export/spec.ts';
import { EXIT } from './errors.ts';
import { addExportOptions, addLakeOptions, type ExportOptions, specOf } from './lake-options.ts';
import { exitCodeOfJob, followJob } from './progress.ts';
import { runs, type Session } from './session.ts';

export function define(command: Command): void {
  command
    .argument('<source>', 'lakefs://repository/ref[/folder/]')
    .argument('<destination>', 's3://…, gs://…, az://…, abfss://…, file://… or a folder');
  const rules = addLakeOptions(command);
  addExportOptions(command);
  command
    .option('--dry-run', 'say what would be copied, skipped and deleted, and do nothing')
    .option('--id <id>', "the job's id")
    .addHelpText(
      'after',
      `
Examples:
  sluice export lakefs://repo/main s3://exports/repo
  sluice export lakefs://repo/main s3://exports/repo --since last
  sluice export lakefs://repo/v1.2/tables/ /mnt/tables --include '*.parquet' --exclude '_temporary'
  sluice export lakefs://repo/main az://container/repo --dry-run`,
    )
    .action(
      runs<ExportOptions & { dryRun?: boolean; id?: string }>(
        async (session, [source, destination], options) => {
          const spec = specOf(source!, destination!, rules, options);
          if (options.dryRun) return dryRun(session, spec);
          return runExport(session, await session.app(), spec, options.id);
        },
      ),
    );
}

/** Runs an export to its end, showing its progress. @returns the exit code */
export async function runExport(session: Session, app: App, spec: Json, id?: string): Promise<number> {
  const { output, signal } = session;
  const engine = await app.engine();
  letYoungGrow();
  const { id: job } = await engine.submit('lake-export', spec, { id });
  const ended = await followJob(app, job, output, signal);
  output.result(
    JSON.parse(
      JSON.stringify({ id: ended.id, status: ended.status, error: ended.error, report: ended.report }),
    ),
    () =>
      ended.report
        ? describeReport(ended.report as ExportReport)
        : `${ended.status}: ${ended.error?.message ?? ''} [${ended.error?.code ?? ''}]`,
  );
  return exitCodeOfJob(ended, signal);
}

async function dryRun(session: Session, input: Json): Promise<number> {
  const { output, signal } = session;
  const app = await session.app();
  const { previewExport } = await import('../lake/export/preview.ts');
  const { pinned, counts } = await previewExport(
    parseLakeExportSpec(input),
    contextOf(app, signal),
    (outcome) => {
      const verb = WOULD[outcome.outcome];
      if (!verb) return;
      output.result(
        { ...outcome, outcome: verb },
        () =>
          `${verb.padEnd(6)} ${formatBytes(outcome.size ?? 0).padStart(9)}  ${printable(outcome.path)}${outcome.reason ? ` (${outcome.reason})` : ''}`,
      );
      return output.drained();
    },
  );
  const { copied = 0, unchanged = 0, deleted = 0, kept = 0, skipped = 0, failed = 0, bytes = 0 } = counts;
  output.result(
    { dryRun: true, commit: pinned.commit, mode: pinned.mode, since: pinned.since, counts },
    () =>
      `Would copy ${formatCount(copied)} objects (${formatBytes(bytes)}), leave ${formatCount(unchanged)} unchanged, delete ${formatCount(deleted)}, keep ${formatCount(kept)}, skip ${formatCount(skipped)}${failed ? `, and fail on ${formatCount(failed)}` : ''}. Commit ${pinned.commit}${pinned.since ? `, since ${pinned.since}` : ''}.`,
  );
  return failed > 0 ? EXIT.failed : EXIT.done;
}

const WOULD: Record<string, string> = {
  copied: 'copy',
  deleted: 'delete',
  kept: 'keep',
  skipped: 'skip',
  failed: 'fail',
};

/** What library functions that run outside of a job need of the app. */
export function contextOf(app: App, signal: AbortSignal): JobContext {
  const { open, connections, environment, log } = app;
  return {
    jobId: 'none',
    attempt: 1,
    startedAt: Date.now(),
    signal,
    open,
    connections,
    slots: environment.slots,
    throttle: environment.throttle,
    log,
  };
}

function describeReport(report: ExportReport): string {
  const { objects } = report;
  if (report.mode === 'nothing')
    return `Nothing to do: ${report.destination} holds commit ${report.commit} already.`;
  const lines = [
    `${report.status}: commit ${report.commit} of ${report.source} → ${report.destination}${report.mode === 'incremental' ? `, since ${report.since}` : ''}${report.uncommitted ? ', with uncommitted objects' : ''}`,
    `  ${formatCount(objects.copied)} copied (${formatBytes(report.bytes)}${waysOf(report)}), ${formatCount(objects.unchanged)} unchanged, ${formatCount(objects.deleted)} deleted${more('kept', objects.kept)}${more('skipped', objects.skipped)}${more('failed', objects.failed)}, in ${formatDuration(report.duration)}`,
    `  report: ${report.details?.replace(/objects\/$/, 'report.json')}${report.marker ? `, marker: ${report.marker}` : ''}`,
    ...report.notes.map((note) => `  note: ${note}`),
  ];
  if (report.status === 'SUCCESS')
    lines.splice(
      2,
      0,
      `  ${report.verification.done ? `verified${report.verification.unverified ? `, ${formatCount(report.verification.unverified)} not comparable` : ''}` : 'not verified'}`,
    );
  if (report.error) lines.push(`  ${report.error.message} [${report.error.code}]`);
  for (const failure of report.failures.slice(0, 10))
    lines.push(`  ${printable(failure.item)}: ${failure.message} [${failure.code}]`);
  if (report.failures.length > 10)
    lines.push(`  … and ${formatCount(report.failures.length - 10)} more in the report`);
  return lines.join('\n');
}

function waysOf(report: ExportReport): string {
  const ways = Object.keys(report.via);
  return ways.length > 0 ? ` by ${ways.join(', ')}` : '';
}

function more(word: string, count: number): string {
  return count > 0 ? `, ${formatCount(count)} ${word}` : '';
}
