import type { Command } from 'commander';
import { formatTable, printable } from '../base/format.ts';
import { EXIT } from './errors.ts';
import { runs } from './session.ts';

export function define(command: Command): void {
  command
    .description('Show what is in force and where each value came from, secrets masked.')
    .addHelpText(
      'after',
      `
Examples:
  sluice config
  sluice config check --config /etc/sluice.yaml`,
    )
    .action(
      runs(async (session) => {
        const { output } = session;
        const loaded = await session.loaded();
        const [{ describeSettings }, { describeEnvironment }, { problemText }] = await Promise.all([
          import('../config/describe.ts'),
          import('../config/environment.ts'),
          import('../config/load.ts'),
        ]);
        const described = [...describeSettings(loaded), ...(await describeEnvironment())];
        if (output.json) {
          for (const { setting, value, from } of described) {
            output.result({ setting, value: String(value), from }, () => '');
          }
        } else {
          const rows = described.map(({ setting, value, from }) => [setting, printable(String(value)), from]);
          output.result(null, () => formatTable(['SETTING', 'VALUE', 'FROM'], rows));
          output.note(
            loaded.file === undefined ? 'There is no configuration file.' : `Read from ${loaded.file}.`,
          );
        }
        for (const problem of loaded.problems) output.note(problemText(problem));
        return loaded.problems.length > 0 ? EXIT.usage : EXIT.done;
      }),
    );
  command
    .command('check')
    .description('Explain every mistake of the configuration, with its line and column.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice config check\n  sluice config check --config /etc/sluice.yaml`,
    )
    .action(
      runs(async (session) => {
        const { output } = session;
        const loaded = await session.loaded();
        const [{ allProblems }, { problemText }, { unheeded }] = await Promise.all([
          import('./problems.ts'),
          import('../config/load.ts'),
          import('../config/unheeded.ts'),
        ]);
        const problems = await allProblems(loaded);
        for (const sentence of unheeded(loaded)) output.note(sentence);
        for (const problem of problems) output.result({ ...problem }, () => problemText(problem));
        if (problems.length > 0) return EXIT.usage;
        output.note(
          loaded.file === undefined
            ? 'There is no configuration file; the defaults and the environment are fine.'
            : `${loaded.file} is fine.`,
        );
        return EXIT.done;
      }),
    );
}
