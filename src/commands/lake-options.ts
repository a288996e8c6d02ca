import { type Command, Option } from 'commander';
import type { Json } from '../base/json.ts';
import { CONFLICT_POLICIES, MARKERS, VIAS } from '../lake/export/spec.ts';

/** Options of commands that name a lake's objects and a destination. */
export interface LakeOptions {
  prefix?: string;
  uncommitted?: boolean;
  name?: string;
  lakeConnection?: string;
  destinationConnection?: string;
}

/** Options of `export` alone. */
export interface ExportOptions extends LakeOptions {
  since?: string;
  via?: string;
  verify?: boolean;
  onConflict?: string;
  delete?: boolean;
  marker?: string;
}

export interface Rule {
  [key: string]: Json;
  include: boolean;
  glob: string;
}

/** Adds what `export` and `verify` share. @returns where the rules gather, in the order of the command line */
export function addLakeOptions(command: Command): Rule[] {
  const rules: Rule[] = [];
  const rule = (include: boolean) => (glob: string) => {
    rules.push({ include, glob });
    return glob;
  };
  command
    .option('--prefix <path>', 'only paths with this prefix; it stays in the keys')
    .option(
      '--include <glob>',
      'take what matches; may be repeated, the last rule that matches wins',
      rule(true),
    )
    .option('--exclude <glob>', 'leave out what matches; may be repeated', rule(false))
    .option('--uncommitted', 'take what is staged on the branch, too')
    .option('--lake-connection <name>', 'the connection for the lake')
    .option('--destination-connection <name>', 'the connection for the destination')
    .option('--concurrency <count>', 'object operations at once');
  return rules;
}

export function addExportOptions(command: Command): void {
  command
    .option('--since <commit>', 'only what changed since this commit, or since the "last" export')
    .option('--name <name>', 'tells exports apart that share a destination', 'default')
    .addOption(new Option('--via <way>', 'how bytes go').choices([...VIAS]).default('auto'))
    .option('--no-verify', 'do not list and compare what was written')
    .addOption(
      new Option('--on-conflict <policy>', 'an object is there that this export did not write')
        .choices([...CONFLICT_POLICIES])
        .default('overwrite'),
    )
    .option('--no-delete', 'do not delete what an earlier export wrote and the lake no longer has')
    .addOption(
      new Option('--marker <style>', 'the marker in the root of the destination')
        .choices([...MARKERS])
        .default('sluice'),
    )
    .option('--bandwidth <rate>', 'most bytes per second through this process, such as 50M');
}

/** The spec of a lake export, as its kind parses it. */
export function specOf(source: string, destination: string, rules: Rule[], options: ExportOptions): Json {
  return {
    source,
    destination,
    filters: rules,
    name: options.name,
    since: options.since,
    uncommitted: options.uncommitted,
    prefix: options.prefix,
    via: options.via,
    verify: options.verify,
    onConflict: options.onConflict,
    deletes: options.delete,
    marker: options.marker,
    lakeConnection: options.lakeConnection,
    destinationConnection: options.destinationConnection,
  };
}
