import { type Command, Option } from 'commander';
import { SluiceError } from '../base/errors.ts';
import { formatBytes, formatCount, formatDuration, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import { parseSize } from '../base/throttle.ts';
import type { VectorReport } from '../vectors/export/report.ts';
import { EXIT, exitCodeOf } from './errors.ts';
import { exitCodeOfJob, followJob } from './progress.ts';
import { runs, type Session } from './session.ts';

interface Options {
  weaviate: string;
  grpc?: string;
  include?: string[];
  exclude?: string[];
  tenants?: string[];
  properties?: string[];
  vectors: boolean;
  layout: string;
  compression: string;
  compressionLevel?: string;
  rowGroupRows?: string;
  fileRows?: string;
  fileSize?: string;
  partitionBy?: string;
  activateTenants?: boolean;
  verify: string;
  since?: string;
  source: string;
  nativeBackend?: string;
  nativeOutput?: string;
  id?: string;
  destinationConnection?: string;
}

export function define(command: Command): void {
  command
    .summary('export classes to Parquet files')
    .description('Export the classes of a Weaviate, with everything their objects have, to Parquet files.')
    .argument(
      '<destination>',
      's3://…, gs://…, az://…, abfss://…, file://… or a folder; the export gets a folder in it, named by its id',
    )
    .requiredOption('--weaviate <url>', 'the Weaviate: http(s)://host:port, or the name of a connection')
    .option('--grpc <address>', 'host:port of its gRPC API (else $WEAVIATE_GRPC, or guessed)')
    .option('--include <glob...>', 'only these classes')
    .option('--exclude <glob...>', 'all but these classes')
    .option('--tenants <glob...>', 'only these tenants')
    .option('--properties <glob...>', 'only these properties')
    .option('--no-vectors', 'leave the vectors out')
    .addOption(
      new Option('--layout <name>', 'columns of the files').choices(['typed', 'weaviate']).default('typed'),
    )
    .addOption(
      new Option('--compression <codec>', 'how pages are compressed')
        .choices(['zstd', 'snappy', 'gzip', 'none'])
        .default('zstd'),
    )
    .option('--compression-level <level>', "the codec's own level")
    .option('--row-group-rows <count>', 'rows of a row group (10000)')
    .option('--file-rows <count>', 'most rows of a file; larger classes get numbered files (500000)')
    .option('--file-size <size>', 'about the most bytes of a file, such as 512M')
    .addOption(new Option('--partition-by <what>', 'one folder for each tenant').choices(['tenant']))
    .option('--activate-tenants', 'read inactive tenants, too: activate them, then put them back')
    .addOption(
      new Option('--verify <how>', 'counts and a sample of rows read back, all rows, or nothing')
        .choices(['sample', 'full', 'none'])
        .default('sample'),
    )
    .option('--since <export>', "only what changed since an earlier export: its folder's address")
    .addOption(
      new Option('--source <who>', "who reads: Sluice by the public API, or the server's own export (1.37)")
        .choices(['api', 'native'])
        .default('api'),
    )
    .addOption(
      new Option('--native-backend <name>', 'where the server writes its own export').choices([
        's3',
        'gcs',
        'azure',
        'filesystem',
      ]),
    )
    .option('--native-output <uri>', 'the address of the folder the server writes it to')
    .option('--id <id>', 'names the export and its folder')
    .option('--destination-connection <name>', 'the connection for the destination')
    .addHelpText(
      'after',
      `
An API key or bearer token is taken from $WEAVIATE_API_KEY or from the connection.

Examples:
  sluice vectors export ./exports --weaviate http://localhost:8080
  sluice vectors export s3://exports/weaviate --weaviate prod --include 'Article*' --id nightly-1`,
    )
    .action(
      runs<Options>(async (session, [destination], options) => {
        const spec = specOf(destination!, options);
        return runVectorJob(session, 'vector-export', spec, spec.id as string, describeExport);
      }),
    );
}

function specOf(destination: string, options: Options): Record<string, Json> {
  const spec: Record<string, Json | undefined> = {
    weaviate: options.weaviate,
    grpc: options.grpc,
    destination,
    connection: options.destinationConnection,
    id: options.id ?? newId('vectors'),
    include: options.include,
    exclude: options.exclude,
    tenants: options.tenants,
    properties: options.properties,
    vectors: options.vectors,
    layout: options.layout,
    compression: options.compression,
    level: numberOf('--compression-level', options.compressionLevel),
    rowGroupRows: numberOf('--row-group-rows', options.rowGroupRows),
    fileRows: numberOf('--file-rows', options.fileRows),
    fileSize: sizeOf('--file-size', options.fileSize),
    partitionBy: options.partitionBy,
    activateTenants: options.activateTenants,
    verify: options.verify,
    since: options.since,
    source: options.source,
    native:
      options.source === 'native'
        ? { backend: options.nativeBackend ?? '', output: options.nativeOutput ?? '' }
        : undefined,
  };
  return JSON.parse(JSON.stringify(spec));
}

/** Runs a job of vectors to its end, showing its progress. @returns the exit code */
export async function runVectorJob<Report>(
  session: Session,
  kind: string,
  spec: Json,
  id: string,
  describe: (report: Report) => string,
): Promise<number> {
  const { output, signal } = session;
  const app = await session.app();
  const engine = await app.engine();
  const { id: job } = await engine.submit(kind, spec, { id });
  const ended = await followJob(app, job, output, signal);
  output.result(
    JSON.parse(
      JSON.stringify({ id: ended.id, status: ended.status, error: ended.error, report: ended.report }),
    ),
    () =>
      ended.report
        ? describe(ended.report as Report)
        : `${ended.status}: ${ended.error?.message ?? ''} [${ended.error?.code ?? ''}]`,
  );
  // What was asked wrongly would be asked so again.
  const mendable = ended.error === undefined || exitCodeOf(ended.error.code) !== EXIT.usage;
  if (ended.status === 'CANCELED' || (ended.status === 'FAILED' && mendable)) {
    output.note(`Go on with what is missing: sluice jobs resume ${ended.id}`);
  }
  return exitCodeOfJob(ended, signal);
}

/** `vectors-20261121-080211` */
export function newId(prefix: string): string {
  const [day, time] = new Date().toISOString().slice(0, 19).split('T');
  return `${prefix}-${day!.replaceAll('-', '')}-${time!.replaceAll(':', '')}`;
}

export function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new SluiceError('USAGE', `${flag} must be a number, not ${JSON.stringify(text)}.`);
}

function sizeOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = parseSize(text);
  if (size !== undefined && size > 0) return size;
  throw new SluiceError('USAGE', `${flag} must be a size such as 512M, not ${JSON.stringify(text)}.`);
}

function describeVerification({ how, counts, compared }: VectorReport['verification']): string {
  if (how === 'none') return 'not verified';
  const said = [`${formatCount(compared)} rows compared with the server, value by value`];
  if (counts.agreed > 0)
    said.unshift(
      `${formatCount(counts.agreed)} ${counts.agreed === 1 ? 'count agrees' : 'counts agree'} with the server's`,
    );
  if (counts.ids > 0) said.push(`all ids of ${formatCount(counts.ids)} where counts differ`);
  if (counts.unseen > 0)
    said.push(
      `${formatCount(counts.unseen)} ${counts.unseen === 1 ? 'tenant' : 'tenants'} not counted: asleep or gone`,
    );
  return `verified: ${said.join('; ')}`;
}

function describeExport(report: VectorReport): string {
  const { verification } = report;
  const lines = [
    `${report.status}: ${report.source} → ${report.destination}`,
    ...Object.entries(report.classes).map(([name, each]) => {
      const tenants = each.tenants === undefined ? '' : `, ${formatCount(each.tenants)} tenants`;
      const skipped = each.skipped.length > 0 ? `, ${formatCount(each.skipped.length)} skipped` : '';
      return `  ${name}: ${formatCount(each.objects)} objects, ${formatBytes(each.bytes)} in ${formatCount(each.files)} ${each.files === 1 ? 'file' : 'files'}${tenants}${skipped}`;
    }),
    `  ${formatCount(report.objects)} objects, ${formatBytes(report.bytes)} in ${formatDuration(report.duration)}`,
    `  ${report.consistency}`,
    `  ${describeVerification(verification)}`,
  ];
  for (const [name, { skipped }] of Object.entries(report.classes)) {
    for (const { tenant, reason } of skipped.slice(0, 10)) {
      lines.push(`  skipped: tenant ${printable(tenant)} of ${name}: ${reason}`);
    }
  }
  if (report.error) lines.push(`  ${report.error.message} [${report.error.code}]`);
  for (const failure of report.failures.slice(0, 10)) {
    lines.push(`  ${printable(failure.item)}: ${failure.message} [${failure.code}]`);
  }
  return lines.join('\n');
}
