import { type Command, Option } from 'commander';
import { SluiceError } from '../base/errors.ts';
import { formatCount, formatDuration, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import type { ImportReport } from '../vectors/import/finish.ts';
import { incrementNote } from '../vectors/import/pinned.ts';
import { EXIT } from './errors.ts';
import { contextOf } from './export.ts';
import { runs, type Session } from './session.ts';
import { newId, runVectorJob } from './vectors-export.ts';

interface Options {
  weaviate: string;
  grpc?: string;
  include?: string[];
  exclude?: string[];
  rename?: string[];
  onConflict: string;
  verify: boolean;
  dryRun?: boolean;
  id?: string;
  reports: string;
  sourceConnection?: string;
}

export function define(command: Command): void {
  command
    .summary('import Parquet files of vectors')
    .description(
      "Import an export's files, or those of Weaviate's own export, into a Weaviate: classes, tenants, objects, references.",
    )
    .argument('<source>', "an export's folder, any folder of such files, or one file")
    .requiredOption('--weaviate <url>', 'the Weaviate: http(s)://host:port, or the name of a connection')
    .option('--grpc <address>', 'host:port of its gRPC API (else $WEAVIATE_GRPC, or guessed)')
    .option('--include <glob...>', 'only these classes')
    .option('--exclude <glob...>', 'all but these classes')
    .option('--rename <Old=New...>', 'import a class under another name')
    .addOption(
      new Option('--on-conflict <policy>', 'another object with the UUID is there')
        .choices(['skip', 'overwrite', 'fail'])
        .default('skip'),
    )
    .option('--dry-run', 'say what would be made and written, and do nothing')
    .option('--no-verify', 'do not compare the Weaviate with the files at the end')
    .option(
      '--reports <uri>',
      "where the import's folder with its report and rejected objects is made",
      './sluice-imports',
    )
    .option('--id <id>', 'names the import and its folder')
    .option('--source-connection <name>', 'the connection for the source')
    .addHelpText(
      'after',
      `
Examples:
  sluice vectors import ./exports/nightly-1 --weaviate http://localhost:8080
  sluice vectors import s3://exports/weaviate/nightly-1 --weaviate prod --rename Article=ArticleCopy`,
    )
    .action(
      runs<Options>(async (session, [source], options) => {
        const spec = specOf(source!, options);
        if (options.dryRun) return dryRun(session, spec);
        return runVectorJob(session, 'vector-import', spec, spec.id as string, describeImport);
      }),
    );
}

function specOf(source: string, options: Options): Record<string, Json> {
  const rename: Record<string, string> = {};
  for (const pair of options.rename ?? []) {
    const [from, to, ...more] = pair.split('=');
    if (!from || !to || more.length > 0) {
      throw new SluiceError('USAGE', `--rename takes Old=New, not ${JSON.stringify(pair)}.`);
    }
    rename[from] = to;
  }
  const spec = {
    source,
    connection: options.sourceConnection,
    weaviate: options.weaviate,
    grpc: options.grpc,
    id: options.id ?? newId('import'),
    reports: options.reports,
    include: options.include,
    exclude: options.exclude,
    rename,
    onConflict: options.onConflict,
    verify: options.verify ? 'sample' : 'none',
  };
  return JSON.parse(JSON.stringify(spec));
}

async function dryRun(session: Session, input: Json): Promise<number> {
  const app = await session.app();
  const { VectorImportKind } = await import('../vectors/import/kind.ts');
  const kind = new VectorImportKind();
  const pinned = await kind.prepare(kind.parse(input), contextOf(app, session.signal));
  const { classes, files } = pinned;
  const note = incrementNote(pinned);
  if (note !== undefined) session.output.note(note);
  for (const [index, { name, target, rows, create, missing }] of classes.entries()) {
    const own = files.filter((file) => file.class === index).length;
    session.output.result(
      { class: name, target, rows, files: own, create, newProperties: missing.length },
      () => {
        const how = create
          ? 'make the class'
          : missing.length > 0
            ? `add ${missing.length} properties`
            : 'into the class that is there';
        return `${name}${target === name ? '' : ` → ${target}`}: ${formatCount(rows)} objects of ${formatCount(own)} files, ${how}`;
      },
    );
  }
  return EXIT.done;
}

function describeImport(report: ImportReport): string {
  const { verification } = report;
  const lines = [
    `${report.status}: ${report.source} → ${report.weaviate}`,
    ...Object.entries(report.classes).map(
      ([name, { target, rows }]) =>
        `  ${name}${target === name ? '' : ` → ${target}`}: ${formatCount(rows)} in the files`,
    ),
    `  ${formatCount(report.objects)} objects written, ${formatCount(report.skipped)} there already, ${formatCount(report.failed)} rejected, ${formatCount(report.references)} references set, in ${formatDuration(report.duration)}`,
    verification.how === 'none'
      ? '  not verified'
      : `  verified: ${formatCount(verification.compared)} objects read back and compared`,
  ];
  if (report.note) lines.push(`  note: ${report.note}`);
  if (report.rejected) lines.push(`  rejected objects: ${report.rejected}`);
  if (report.error) lines.push(`  ${report.error.message} [${report.error.code}]`);
  for (const failure of report.failures.slice(0, 10)) {
    lines.push(`  ${printable(failure.item)}: ${failure.message} [${failure.code}]`);
  }
  return lines.join('\n');
}
