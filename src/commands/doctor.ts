import type { Command } from 'commander';
import { printable } from '../base/format.ts';
import type { Loaded } from '../config/load.ts';
import type { Finding } from '../doctor/finding.ts';
import { EXIT } from './errors.ts';
import { runs, type Session } from './session.ts';

export function define(command: Command): void {
  command
    .description(
      'Check a setup from end to end: the configuration, every connection, source and destination, the state, the gateway, the schedules.',
    )
    .option('--no-write', 'only look at destinations, without writing and deleting a small object')
    .addHelpText(
      'after',
      `
Each destination gets an object _sluice/doctor-…, which is removed at once. Exit code 0: all is well, warnings included;
1: something failed.

Examples:
  sluice doctor --config /etc/sluice.yaml
  sluice doctor --no-write
  sluice --json doctor | jq 'select(.result == "failed")'`,
    )
    .action(
      runs<{ write: boolean }>(async (session, _args, { write }) => {
        const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
        for await (const finding of findings(session, write)) {
          counts[finding.result]++;
          session.output.result({ ...finding }, () => lineOf(finding));
        }
        session.output.note(
          `${counts.ok} fine, ${counts.warning} to look at, ${counts.failed} failed, ${counts.skipped} skipped.`,
        );
        return counts.failed > 0 ? EXIT.failed : EXIT.done;
      }),
    );
}

async function* findings(session: Session, write: boolean): AsyncGenerator<Finding> {
  const loaded = await session.loaded();
  const [{ allProblems }, { problemText }, { unheeded }] = await Promise.all([
    import('./problems.ts'),
    import('../config/load.ts'),
    import('../config/unheeded.ts'),
  ]);
  const problems = await allProblems(loaded);
  for (const problem of problems) {
    yield { check: 'configuration', result: 'failed', message: problemText(problem), code: 'BAD_CONFIG' };
  }
  if (problems.length === 0) yield fine(loaded);
  for (const message of unheeded(loaded)) yield { check: 'configuration', result: 'warning', message };
  // What cannot be read cannot be tried.
  if (loaded.problems.length > 0) return;
  const { temporal } = loaded.settings;
  const [{ examine }, app] = await Promise.all([
    import('../doctor/doctor.ts'),
    session.app({ ...loaded.settings, temporal: { ...temporal, work: false } }),
  ]);
  yield* examine(app, { signal: session.signal, write });
}

const fine = ({ file }: Loaded): Finding => ({
  check: 'configuration',
  result: 'ok',
  message: file === undefined ? 'There is no file; defaults and environment are fine.' : `${file} is fine.`,
});

const MARKS = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ', skipped: 'skipped' };

function lineOf({ check, result, message, code }: Finding): string {
  return `${MARKS[result]}  ${printable(check)}: ${printable(message)}${code === undefined ? '' : ` [${code}]`}`;
}
