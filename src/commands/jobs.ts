import { type Command, InvalidArgumentError, Option } from 'commander';
import type { App } from '../app.ts';
import { formatTable, formatTime, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import type { Engine, JobFilter } from '../jobs/engine.ts';
import type { JobRecord, JobStatus, PartStatus } from '../jobs/job.ts';
import { describeJob, describePart, outcomeOf, statusOf, summaryOf } from './job-text.ts';
import { exitCodeOfJob, followJob } from './progress.ts';
import { runs, type Session } from './session.ts';

const JOB_STATUSES = ['STARTED', 'TRANSFERRING', 'SUCCESS', 'FAILED', 'CANCELED'];
const PART_STATUSES = ['PENDING', 'TRANSFERRING', 'SUCCESS', 'FAILED', 'CANCELED', 'SKIPPED'];

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
Examples:
  sluice jobs list --status FAILED
  sluice jobs show 20261121-072505-3fa9c1 --parts FAILED
  sluice jobs resume 20261121-072505-3fa9c1`,
  );
  defineList(command.command('list'));
  defineShow(command.command('show <job>'));
  defineResume(command.command('resume <job>'));
  defineCancel(command.command('cancel <job>'));
}

function defineList(command: Command): void {
  command
    .description('List jobs, the newest first.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice jobs list --status FAILED\n  sluice jobs list --kind lake-export --search s3://exports --limit 100\n  sluice jobs list --json`,
    )
    .addOption(new Option('--status <status>', 'only jobs of this status').choices(JOB_STATUSES))
    .option('--kind <kind>', 'only jobs of this kind')
    .option('--search <text>', 'only jobs whose id or spec holds this text')
    .option('--limit <count>', 'at most so many', toCount, 20)
    .option('--after <cursor>', 'go on where a page ended')
    .action(
      runs<JobFilter>(async ({ app, output }, _args, options) => {
        const { kind, status, search, limit, after } = options;
        const engine = await (await app()).engine();
        const page = await engine.list({ kind, status: status as JobStatus, search, limit, after });
        if (output.json) {
          for (const job of page.jobs) output.result(asJson(job), () => '');
          if (page.next !== undefined) output.result({ next: page.next }, () => '');
          return;
        }
        if (page.jobs.length === 0) {
          output.note('There are no such jobs.');
          return;
        }
        const rows = page.jobs.map((job) => [
          job.id,
          job.kind,
          statusOf(job),
          formatTime(job.createdAt),
          summaryOf(job),
          printable(outcomeOf(job)),
        ]);
        output.result(null, () => formatTable(['JOB', 'KIND', 'STATUS', 'CREATED', 'DONE', ''], rows));
        if (page.next !== undefined) output.note(`There are more: --after ${page.next}`);
      }),
    );
}

function defineShow(command: Command): void {
  command
    .description('Show one job: what was asked, how far it is, what failed and why.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice jobs show 20261121-072505-3fa9c1\n  sluice jobs show 20261121-072505-3fa9c1 --parts FAILED --limit 500`,
    )
    .addOption(
      new Option('--parts [status]', 'its parts too, all or those of a status').choices(PART_STATUSES),
    )
    .option('--search <text>', 'only parts whose label or error holds this text')
    .option('--limit <count>', 'at most so many parts', toCount, 50)
    .option('--after <part>', 'only parts after this id')
    .action(
      aboutJob<{ parts?: string | true; search?: string; limit: number; after?: string }>(
        async ({ engine, id, session: { output } }, options) => {
          const job = await engine.get(id);
          const { search, limit, after } = options;
          // Without being asked for, what failed is what one wants to see.
          const wanted = options.parts ?? (search === undefined ? 'FAILED' : true);
          const status = wanted === true ? undefined : (wanted as PartStatus);
          const parts = await engine.parts(id, { status, search, limit, after });
          output.result({ ...asJson(job), partList: parts as unknown as Json }, () =>
            [describeJob(job), ...parts.map(describePart)].join('\n'),
          );
          if (parts.length === limit) output.note(`There may be more parts: --after ${parts.at(-1)!.id}`);
        },
      ),
    );
}

function defineResume(command: Command): void {
  command
    .description('Go on with a job that was interrupted, failed or was canceled; what succeeded stays done.')
    .addHelpText('after', `\nExamples:\n  sluice jobs resume 20261121-072505-3fa9c1`)
    .action(
      aboutJob(async ({ app, engine, id, session: { output, signal } }) => {
        await engine.resume(id);
        const job = await followJob(app, id, output, signal);
        output.result(asJson(job), () => describeJob(job));
        return exitCodeOfJob(job, signal);
      }),
    );
}

function defineCancel(command: Command): void {
  command
    .description('Ask a job to stop, wherever it runs, and wait until it has.')
    .addHelpText('after', `\nExamples:\n  sluice jobs cancel 20261121-072505-3fa9c1`)
    .action(
      aboutJob(async ({ engine, id, session: { output, signal } }) => {
        await engine.cancel(id);
        const job = await engine.wait(id, signal);
        output.result(asJson(job), () => describeJob(job));
      }),
    );
}

interface AboutJob {
  session: Session;
  app: App;
  engine: Engine;
  id: string;
}

/** The action of a command whose only argument is a job. */
function aboutJob<Options extends object>(
  work: (about: AboutJob, options: Options) => Promise<number | undefined> | Promise<void>,
): ReturnType<typeof runs> {
  return runs<Options>(async (session, [id], options) => {
    const app = await session.app();
    const code = await work({ session, app, engine: await app.engine(), id: id! }, options);
    return code ?? undefined;
  });
}

function asJson(job: JobRecord): { [key: string]: Json } {
  return JSON.parse(JSON.stringify(job));
}

function toCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}
