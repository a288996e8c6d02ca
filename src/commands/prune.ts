import { type Command, InvalidArgumentError } from 'commander';
import { formatBytes, formatTable, formatTime, printable } from '../base/format.ts';
import { KEEP_NAMES, type Keep } from '../base/retention.ts';
import { userName } from '../base/user.ts';
import type { RetentionReport, RetentionRequest } from '../service/retention/retention.ts';
import { EXIT, usage } from './errors.ts';
import { runs, type Session } from './session.ts';

interface PruneOptions extends Keep {
  schedule?: string;
  levels: number;
  timezone?: string;
  connection?: string;
  dryRun?: boolean;
}

export function define(command: Command): void {
  command
    .argument('[folder]', 'the folder that holds one folder for each export')
    .option('--last <count>', 'keep the newest so many', toCount)
    .option('--hourly <count>', 'keep the newest of each of so many hours', toCount)
    .option('--daily <count>', 'keep the newest of each of so many days', toCount)
    .option('--weekly <count>', 'keep the newest of each of so many weeks', toCount)
    .option('--monthly <count>', 'keep the newest of each of so many months', toCount)
    .option('--schedule <name>', 'by what a schedule of sluice.yaml says, in place of a folder')
    .option('--levels <count>', 'exports lie so many folders below', toCount, 1)
    .option('--timezone <zone>', 'whose days and weeks count (else UTC)')
    .option('--connection <name>', 'the connection to open the folder with')
    .option('--dry-run', 'delete nothing, show what would be')
    .addHelpText(
      'after',
      `
Deletes what Sluice wrote and nothing else. These always stay: the newest complete export of each source, exports that are
not complete, those that a kept increment of vectors is based on, and those that a job that has not ended uses.

Examples:
  sluice prune s3://exports/weaviate --daily 7 --weekly 4 --dry-run
  sluice prune s3://exports/weaviate --daily 7 --weekly 4
  sluice prune ./exports --last 3
  sluice prune --schedule nightly --dry-run`,
    )
    .action(
      runs<PruneOptions>(async (session, [folder], options) => {
        const app = await session.app();
        const { retain } = await import('../service/retention/retention.ts');
        const { dryRun = false } = options;
        const request = { ...(await requestOf(session, folder, options)), dryRun, signal: session.signal };
        const report = await retain(request, { open: app.open, engine: await app.engine() });
        if (!dryRun) await note(app.settings.state, report);
        print(session, report);
        return report.failed > 0 ? EXIT.failed : EXIT.done;
      }),
    );
}

async function requestOf(
  session: Session,
  folder: string | undefined,
  options: PruneOptions,
): Promise<Omit<RetentionRequest, 'dryRun'>> {
  const { schedule, levels, timezone, connection } = options;
  const asked: Keep = {};
  for (const name of KEEP_NAMES) if (options[name] !== undefined) asked[name] = options[name];
  if ((folder === undefined) === (schedule === undefined)) {
    throw usage('Give a folder, or --schedule with the name of one of sluice.yaml.');
  }
  if (folder !== undefined) {
    if (Object.keys(asked).length === 0) {
      throw usage('Say what is kept: --last, --hourly, --daily, --weekly, --monthly.');
    }
    const place = { folder, connection, levels };
    return { place, keep: asked, timeZone: timezone, bySource: true };
  }
  const { schedules } = await session.settings();
  const entry = schedules.find(({ name }) => name === schedule);
  if (!entry) throw usage(`There is no schedule "${schedule}" in sluice.yaml.`);
  const keep = Object.keys(asked).length > 0 ? asked : entry.keep;
  if (!keep) throw usage(`The schedule "${schedule}" has no "keep"; say what is kept, such as --daily 7.`);
  const { placeOf } = await import('../service/retention/place.ts');
  return { place: placeOf(entry), keep, timeZone: timezone ?? entry.timezone, bySource: false };
}

async function note(state: string, report: RetentionReport): Promise<void> {
  const [{ Audit }, { serviceSchema }, { openDatabase }, { silentLog }] = await Promise.all([
    import('../service/audit.ts'),
    import('../service/schema.ts'),
    import('../jobs/state/open.ts'),
    import('../jobs/kind.ts'),
  ]);
  const db = await openDatabase(state, serviceSchema);
  try {
    await new Audit(state, db, silentLog).noteRetention(`user:${userName()}`, report);
  } finally {
    await db.close();
  }
}

function print({ output }: Session, report: RetentionReport): void {
  const { dryRun, exports, deleted, kept, failed, bytes } = report;
  if (output.json) {
    output.result(JSON.parse(JSON.stringify(report)), () => '');
    return;
  }
  if (exports.length === 0) {
    output.note('There are no exports of Sluice in it.');
    return;
  }
  const word = (outcome: string): string =>
    dryRun && outcome === 'deleted' ? 'WOULD GO' : outcome.toUpperCase();
  const rows = exports.map(({ outcome, at, uri, reason }) => [
    word(outcome),
    Number.isNaN(at) ? '' : formatTime(at),
    printable(uri),
    printable(reason),
  ]);
  output.result(null, () => formatTable(['', 'COMPLETE', 'EXPORT', 'WHY'], rows));
  const what = dryRun ? 'would be deleted' : `deleted (${formatBytes(bytes)})`;
  output.note(`${deleted} ${what}, ${kept} kept${failed > 0 ? `, ${failed} could not be deleted` : ''}.`);
}

function toCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  }
  return Number(text);
}
