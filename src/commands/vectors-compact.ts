import type { Command } from 'commander';
import { formatBytes, formatCount } from '../base/format.ts';
import { EXIT } from './errors.ts';
import { runs } from './session.ts';
import { newId, numberOf } from './vectors-export.ts';

interface Options {
  id?: string;
  fileRows?: string;
  rowGroupRows?: string;
}

export function define(command: Command): void {
  command
    .summary('fold an export and its increments into one')
    .description(
      'Make one whole export of an increment and the exports it is based on, which stay as they are.',
    )
    .argument('<export>', 'the folder of the newest export of the chain')
    .argument('<destination>', 'where the folder of the new export is made')
    .option('--file-rows <count>', 'most rows of a file (500000)')
    .option('--row-group-rows <count>', 'rows of a row group (10000)')
    .option('--id <id>', 'names the new export and its folder')
    .addHelpText('after', '\nExamples:\n  sluice vectors compact ./exports/nightly-7 ./exports --id week-1')
    .action(
      runs<Options>(async (session, [source, destination], options) => {
        const app = await session.app();
        const { compactExports } = await import('../vectors/compact.ts');
        const result = await compactExports(app.open, {
          source: source!,
          destination: destination!,
          id: options.id ?? newId('compacted'),
          fileRows: numberOf('--file-rows', options.fileRows),
          rowGroupRows: numberOf('--row-group-rows', options.rowGroupRows),
          signal: session.signal,
          onProgress: (name, objects) => session.output.note(`${name}: ${formatCount(objects)} objects`),
        });
        session.output.result({ ...result }, () => {
          const objects = Object.values(result.classes).reduce((sum, each) => sum + each, 0);
          return `${formatCount(result.folded)} exports became ${result.destination}: ${formatCount(objects)} objects, ${formatBytes(result.bytes)} in ${formatCount(result.files)} files`;
        });
        return EXIT.done;
      }),
    );
}
