import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../base/version.ts';
import { LOG_LEVELS } from '../config/levels.ts';
import { EXIT, printError } from './errors.ts';

interface Entry {
  name: string;
  summary: string;
  /** @param whole makes the program with every command defined in full */
  load: () => Promise<{ define(command: Command, whole: () => Promise<Command>): void }>;
}

/** One line a command; its module says what it takes and does, and is loaded when it is the one that is called. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'export',
    summary: 'export a lakeFS ref to an object store or a folder',
    load: () => import('./export.ts'),
  },
  {
    name: 'verify',
    summary: 'compare a lakeFS ref with what was exported',
    load: () => import('./verify.ts'),
  },
  {
    name: 'tables',
    summary: "bring a lake's changed Delta tables to a place and a catalog",
    load: () => import('./tables.ts'),
  },
  { name: 'jobs', summary: 'list jobs, show one, resume or cancel it', load: () => import('./jobs.ts') },
  { name: 'ls', summary: 'list objects of any store', load: () => import('./ls.ts') },
  { name: 'cat', summary: 'print objects of any store', load: () => import('./cat.ts') },
  { name: 'route', summary: 'answer S3 clients from any store, by path', load: () => import('./route.ts') },
  {
    name: 'lakefs-export',
    summary: "export with the arguments and environment of lakeFS's own export script",
    load: () => import('./lakefs-export.ts'),
  },
  {
    name: 'vectors',
    summary: 'export a Weaviate to Parquet files, import and compact them',
    load: () => import('./vectors.ts'),
  },
  {
    name: 'serve',
    summary: 'run the service: HTTP API, export API of Weaviate, webhooks, schedules',
    load: () => import('./serve.ts'),
  },
  {
    name: 'prune',
    summary: 'delete old exports, and keep so many by hours, days, weeks and months',
    load: () => import('./prune.ts'),
  },
  {
    name: 'worker',
    summary: 'work on jobs of a Temporal cluster, beside any number of other workers',
    load: () => import('./worker.ts'),
  },
  { name: 'keys', summary: 'make, list and revoke API keys of the service', load: () => import('./keys.ts') },
  {
    name: 'demo',
    summary: 'show the main job on a sample lake in this process',
    load: () => import('./demo.ts'),
  },
  { name: 'config', summary: 'show or check the configuration', load: () => import('./config.ts') },
  {
    name: 'doctor',
    summary: 'check a setup from end to end',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'completion',
    summary: 'print completion for bash, zsh or fish',
    load: () => import('./completion.ts'),
  },
];

/** Global options that are followed by a value: what comes after them is not the command's name. */
const WITH_VALUE = new Set(['--config', '--state', '--engine', '--progress', '--log-level']);

/** @param args without the program's own name; only the command that they call is defined in full, or 'all' */
export async function makeProgram(args: readonly string[] | 'all'): Promise<Command> {
  const program = new Command('sluice')
    .description(
      'Gets data out of versioned lakes and vector databases into object stores, open file formats and catalogs, and proves that it all arrived.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .option(
      '--config <file>',
      'configuration file (else $SLUICE_CONFIG, ./sluice.yaml, ~/.config/sluice/sluice.yaml)',
    )
    .option(
      '--state <place>',
      'folder or postgres:// address of the state (else $SLUICE_STATE, ~/.local/state/sluice)',
    )
    .addOption(
      new Option(
        '--engine <engine>',
        'what runs jobs: this process, or the workers of a Temporal cluster',
      ).choices(['local', 'temporal']),
    )
    .option('--json', 'print machine-readable lines only')
    .option('-q, --quiet', 'print results and errors only')
    .addOption(
      new Option('--progress <how>', 'how progress is shown')
        .choices(['auto', 'line', 'log', 'json', 'none'])
        .default('auto'),
    )
    .addOption(new Option('--log-level <level>', 'what is logged to standard error').choices([...LOG_LEVELS]))
    .option('--no-color', 'no colors')
    .option('--debug', 'show where an error came from')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      'after',
      `
Examples:
  sluice demo                                                      # see it work, on made-up data
  sluice export lakefs://repo/main s3://exports/repo
  sluice vectors export ./exports --weaviate http://localhost:8080
  sluice serve --config sluice.yaml

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 differences found, 130 interrupted.
Help for one command: sluice <command> --help`,
    );
  const wanted = args === 'all' ? args : commandName(args);
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).description(sentence(summary));
    if (name === wanted || wanted === 'all') (await load()).define(command, () => makeProgram('all'));
  }
  return program;
}

/** Runs a command line; sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe has seen enough.
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
  const args = asScript(argv.slice(2));
  try {
    const program = await makeProgram(args);
    if (args.length === 0) {
      program.outputHelp({ error: true });
      process.exitCode = EXIT.usage;
      return;
    }
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    const json = args.includes('--json');
    if (!(error instanceof CommanderError)) {
      process.exitCode = printError(error, { json, debug: args.includes('--debug') });
    } else if (error.exitCode === 0) {
      process.exitCode = EXIT.done;
    } else {
      process.exitCode = EXIT.usage;
      if (error.code !== 'commander.help') printUsageError(error, json);
    }
  }
}

function printUsageError(error: CommanderError, json: boolean): void {
  const message = sentence(error.message.replace(/^error: /, '').replace(/\n\((.*)\)$/s, ' — $1'));
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: 'USAGE', message } })}\n`);
  else process.stderr.write(`sluice: ${message} [USAGE]\nSee sluice --help, or sluice <command> --help.\n`);
}

/** `repo s3://bucket/path --branch=main`: called as lakeFS's export script is. */
function asScript(args: string[]): string[] {
  const [repo, destination] = args;
  const isScript =
    repo !== undefined &&
    !repo.startsWith('-') &&
    !COMMANDS.some(({ name }) => name === repo) &&
    /^[a-z0-9]+:\/\//i.test(destination ?? '');
  return isScript ? ['lakefs-export', ...args] : args;
}

function commandName(args: readonly string[]): string | undefined {
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === 'help') continue;
    if (!arg.startsWith('-')) return arg;
    if (WITH_VALUE.has(arg)) rest.shift();
  }
  return undefined;
}

function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? '' : '.';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
