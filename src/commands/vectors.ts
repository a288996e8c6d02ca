import type { Command } from 'commander';
import { define as defineCompact } from './vectors-compact.ts';
import { define as defineExport } from './vectors-export.ts';
import { define as defineImport } from './vectors-import.ts';

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
Examples:
  sluice vectors export ./exports --weaviate http://localhost:8080 --id nightly-1
  sluice vectors export ./exports --weaviate http://localhost:8080 --id nightly-2 --since ./exports/nightly-1
  sluice vectors import ./exports/nightly-1 --weaviate http://localhost:8081
  sluice vectors compact ./exports/nightly-2 ./exports --id whole-2`,
  );
  defineExport(command.command('export'));
  defineImport(command.command('import'));
  defineCompact(command.command('compact'));
}
