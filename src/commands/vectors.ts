import type { Command } from 'commander';
import { define as defineExport } from './vectors-export.ts';

export function define(command: Command): void {
  defineExport(command.command('export'));
}
