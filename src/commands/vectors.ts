import type { Command } from 'commander';
import { define as defineCompact } from './vectors-compact.ts';
import { define as defineExport } from './vectors-export.ts';
import { define as defineImport } from './vectors-import.ts';

export function define(command: Command): void {
  defineExport(command.command('export'));
  defineImport(command.command('import'));
  defineCompact(command.command('compact'));
}
