import type { Command } from 'commander';
import { formatCount, formatTable, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import { parseLakeUri } from '../lake/client/address.ts';
import { statesOf } from '../tables/export/pinned.ts';
import { parseTableExportSpec, type TableExportSpec } from '../tables/export/spec.ts';
import type { TableState } from '../tables/state.ts';
import { EXIT } from './errors.ts';
import { contextOf } from './export.ts';
import { exitCodeOfJob, followJob } from './progress.ts';
import { runs, type Session } from './session.ts';
import { openTables, type TableSession } from './table-settings.ts';

interface ExportOptions {
  table?: string[];
  all?: boolean;
  method?: string;
  to?: string;
  branch?: string;
  id?: string;
}

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
The settings come from "tables" of sluice.yaml, or from a file of their own: those of a table export, the arguments of a
lakeFS hook, or a whole lakeFS action file.

Examples:
  sluice tables export lakefs://repo/main --config tables.yaml
  sluice tables state lakefs://repo/main --config tables.yaml
  sluice tables retry lakefs://repo/main --config tables.yaml`,
  );
  command
    .command('export <source>')
    .description('Export the tables that changed, as they are at a branch, tag or commit.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice tables export lakefs://repo/main\n  sluice tables export lakefs://repo/main --table orders --method native\n  sluice tables export lakefs://repo/v1.2 --branch main --all --to s3://tables/lake`,
    )
    .option('--table <name...>', 'only these tables')
    .option('--all', 'tables that did not change, too')
    .option('--method <name>', 'native, copy, databricks or spark')
    .option('--to <uri>', 'instead of target_base_location')
    .option('--branch <name>', "the branch's name to export under, when the source is a tag or a commit")
    .option('--id <id>', "the job's id")
    .action(
      runs<ExportOptions>(async (session, [source], options) => {
        const { app, spec } = await openTables(session, source!);
        const asked = { ...spec, ...defined(options) };
        return await runExport(session, { app, spec: asked }, options.id);
      }),
    );
  command
    .command('state <source>')
    .description('Show what every table of a branch was last exported at, and what failed.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice tables state lakefs://repo/main\n  sluice tables state lakefs://repo/main --json`,
    )
    .action(
      runs(async (session, [source]) => {
        const { app, spec } = await openTables(session, source!);
        const states = await statesNow(app, parseTableExportSpec(spec), session.signal);
        showStates(session, states);
        return states.some((state) => state.status === 'FAILED') ? EXIT.failed : EXIT.done;
      }),
    );
  command
    .command('retry <source> [tables...]')
    .description('Export failed tables again (all that failed, or those named), at the newest commit.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice tables retry lakefs://repo/main\n  sluice tables retry lakefs://repo/main orders customers`,
    )
    .action(
      runs(async (session, [source, ...names]) => {
        const { app, spec } = await openTables(session, source!);
        const states = await statesNow(app, parseTableExportSpec(spec), session.signal);
        const failed = states.filter((state) => state.status === 'FAILED').map((state) => state.table);
        const tables = names.length > 0 ? names : failed;
        if (tables.length === 0) {
          session.output.note('No table has failed.');
          return EXIT.done;
        }
        return await runExport(session, { app, spec: { ...spec, tables } }, undefined);
      }),
    );
}

function defined(options: ExportOptions): { [key: string]: Json } {
  const { table, all, method, to, branch } = options;
  const asked = { tables: table, all, method, target_base_location: to, branch };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as {
    [key: string]: Json;
  };
}

async function statesNow(
  app: TableSession['app'],
  spec: TableExportSpec,
  signal: AbortSignal,
): Promise<TableState[]> {
  const branch = spec.branch ?? parseLakeUri(spec.source).ref;
  const states = await statesOf(spec, branch, contextOf(app, signal));
  return await states.list(signal);
}

function showStates({ output }: Session, states: TableState[]): void {
  if (output.json) {
    for (const state of states) output.result(JSON.parse(JSON.stringify(state)) as Json, () => '');
    return;
  }
  if (states.length === 0) {
    output.note('No table of this branch was exported yet.');
    return;
  }
  const rows = states.map((state) => [
    printable(state.table),
    state.status,
    state.exported?.commit.slice(0, 12) ?? '',
    state.exported ? formatCount(state.exported.totals.files) : '',
    state.exported?.totals.records === undefined ? '' : formatCount(state.exported.totals.records),
    state.updatedAt.slice(0, 19).replace('T', ' '),
    printable(state.error?.message ?? state.registered ?? state.location),
  ]);
  const warnings = states.flatMap(({ table, warnings = [] }) =>
    warnings.map((warning) => printable(`${table}: warning: ${warning}`)),
  );
  output.result(null, () =>
    [formatTable(['TABLE', 'STATUS', 'COMMIT', 'FILES', 'ROWS', 'AT', ''], rows), ...warnings].join('\n'),
  );
}

interface TableLine {
  table: string;
  status: string;
  reason?: string;
  location?: string;
  registered?: string;
  totals?: { files: number; records?: number };
  warnings?: string[];
  error?: { code: string; message: string };
}

async function runExport(session: Session, { app, spec }: TableSession, id?: string): Promise<number> {
  const { output, signal } = session;
  const engine = await app.engine();
  const { id: job } = await engine.submit('table-export', spec, { id });
  const ended = await followJob(app, job, output, signal);
  const report = ended.report as { report?: string; commit?: string; tables?: TableLine[] } | undefined;
  output.result(
    JSON.parse(JSON.stringify({ id: ended.id, status: ended.status, error: ended.error, report })) as Json,
    () => {
      if (!report?.tables)
        return `${ended.status}: ${ended.error?.message ?? ''} [${ended.error?.code ?? ''}]`;
      return [
        `${ended.status}: commit ${report.commit}`,
        ...report.tables.map((table) => `  ${describeTable(table)}`),
        ...(report.tables.length === 0
          ? [`  no tables: nothing is described in ${descriptorsOf(spec)}/ at this commit`]
          : []),
        `  report: ${report.report}`,
      ].join('\n');
    },
  );
  return exitCodeOfJob(ended, signal);
}

const descriptorsOf = (spec: TableSession['spec']): string =>
  typeof spec.table_descriptors_path === 'string' ? spec.table_descriptors_path : '_lakefs_tables';

function describeTable(line: TableLine): string {
  const name = printable(line.table);
  if (line.error) return `${name}: FAILED, ${line.error.message} [${line.error.code}]`;
  if (!line.totals) return `${name}: ${line.status}, ${line.reason ?? ''}`;
  const rows = line.totals.records === undefined ? '' : `, ${formatCount(line.totals.records)} rows`;
  const warnings = (line.warnings ?? []).map((warning) => `\n    warning: ${printable(warning)}`).join('');
  return `${name}: ${line.status}, ${formatCount(line.totals.files)} files${rows} at ${line.registered ?? line.location} (${line.reason})${warnings}`;
}
