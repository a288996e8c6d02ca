import type { Command } from 'commander';
import { formatBytes, formatCount, printable } from '../base/format.ts';
import { parseLakeExportSpec } from '../lake/export/spec.ts';
import { EXIT } from './errors.ts';
import { contextOf } from './export.ts';
import { addLakeOptions, type LakeOptions, specOf } from './lake-options.ts';
import { runs } from './session.ts';

export function define(command: Command): void {
  command
    .argument('<source>', 'lakefs://repository/ref[/folder/]')
    .argument('<destination>', 'where it was exported to');
  const rules = addLakeOptions(command);
  command
    .option('--deep', 'read and hash what listings cannot compare (a folder is always read)')
    .addHelpText(
      'after',
      `
Prints one line for each object that is missing, different, extra, or cannot be compared.
Exit code 3 when there are differences; what cannot be compared is not one.

Examples:
  sluice verify lakefs://repo/main s3://exports/repo
  sluice verify lakefs://repo/main /mnt/repo --exclude 'tmp/' --json`,
    )
    .action(
      runs<LakeOptions & { deep?: boolean }>(async (session, [source, destination], options) => {
        const { output, signal } = session;
        const app = await session.app();
        const { verifyExport } = await import('../lake/export/verify.ts');
        const spec = parseLakeExportSpec(specOf(source!, destination!, rules, options));
        const { pinned, ...counts } = await verifyExport(spec, contextOf(app, signal), {
          deep: options.deep,
          show: (found) => {
            output.result({ ...found }, () => `${found.difference.padEnd(12)} ${printable(found.path)}`);
            return output.drained();
          },
        });
        const { same, missing, different, extra, incomparable, bytes } = counts;
        const equal = missing + different + extra === 0;
        output.result(
          { ...counts, equal, commit: pinned.commit },
          () =>
            `${equal ? 'No differences' : 'Differences found'}: ${formatCount(same)} same (${formatBytes(bytes)}), ${formatCount(missing)} missing, ${formatCount(different)} different, ${formatCount(extra)} extra, ${formatCount(incomparable)} not comparable. Commit ${pinned.commit}.`,
        );
        return equal ? EXIT.done : EXIT.different;
      }),
    );
}
