import { SluiceError } from '../../base/errors.ts';
import { type FilterRule, pathFilter } from '../../base/glob.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import { settledUri } from '../../stores/folder.ts';
import { parseLakeUri } from '../client/address.ts';

/** How bytes get from the lake's object store to the destination; `auto` takes the first that works. */
export const VIAS = ['auto', 'copy', 'store', 'presign', 'lakefs'] as const;
export type Via = (typeof VIAS)[number];

export const CONFLICT_POLICIES = ['overwrite', 'skip', 'fail'] as const;
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

export const MARKERS = ['sluice', 'lakefs', 'none'] as const;
export type MarkerStyle = (typeof MARKERS)[number];

/** What a lake export is asked to do, with every default filled in. Holds names of connections, never secrets. */
export interface LakeExportSpec {
  [key: string]: Json | undefined;
  /** `lakefs://repository/ref[/folder/]`; the folder's own name is left out of the destination's keys. */
  source: string;
  /** A store URI, a folder's path absolute; objects are written below it. */
  destination: string;
  /** Tells exports apart that share a destination. */
  name: string;
  /** A commit, or 'last': what the destination's own state says. Absent: everything. */
  since?: string;
  /** Takes what is staged on the branch, too. */
  uncommitted: boolean;
  /** Only paths with this prefix; unlike the source's folder it stays in the keys. */
  prefix: string;
  filters: { include: boolean; glob: string }[];
  via: Via;
  verify: boolean;
  onConflict: ConflictPolicy;
  /** Deletes what an earlier export wrote and the lake no longer has. */
  deletes: boolean;
  marker: MarkerStyle;
  /** Names of connections; absent: by URI, else the environment. */
  lakeConnection?: string;
  destinationConnection?: string;
}

/**
 * Checks a spec from a command line, a file or the API and fills in its defaults.
 * @throws SluiceError BAD_SPEC with a sentence that says what to change
 */
export function parseLakeExportSpec(input: Json): LakeExportSpec {
  if (input === null || typeof input !== 'object' || Array.isArray(input))
    throw bad('A lake export needs an object with source and destination.');
  const known = new Set([
    'source',
    'destination',
    'name',
    'since',
    'uncommitted',
    'prefix',
    'filters',
    'include',
    'exclude',
    'via',
    'verify',
    'onConflict',
    'deletes',
    'marker',
    'lakeConnection',
    'destinationConnection',
  ]);
  for (const key of Object.keys(input))
    if (!known.has(key))
      throw bad(`A lake export has no setting "${key}" (known: ${[...known].join(', ')}).`);
  const spec: LakeExportSpec = {
    source: text(input.source, 'source') ?? fail('source'),
    destination: settledUri(text(input.destination, 'destination') ?? fail('destination')),
    name: text(input.name, 'name') ?? 'default',
    since: text(input.since, 'since'),
    uncommitted: flag(input.uncommitted, 'uncommitted') ?? false,
    prefix: text(input.prefix, 'prefix') ?? '',
    filters: filterRules(input),
    via: choice(input.via, 'via', VIAS) ?? 'auto',
    verify: flag(input.verify, 'verify') ?? true,
    onConflict: choice(input.onConflict, 'onConflict', CONFLICT_POLICIES) ?? 'overwrite',
    deletes: flag(input.deletes, 'deletes') ?? true,
    marker: choice(input.marker, 'marker', MARKERS) ?? 'sluice',
    lakeConnection: text(input.lakeConnection, 'lakeConnection'),
    destinationConnection: text(input.destinationConnection, 'destinationConnection'),
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(spec.name)) {
    throw bad(
      `The export's name "${spec.name}" must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or a digit.`,
    );
  }
  if (spec.uncommitted && spec.since !== undefined)
    throw bad(
      '--uncommitted cannot go with --since: what is staged belongs to no commit. Leave one of them out.',
    );
  if (/^lakefs:/i.test(spec.destination))
    throw bad('The destination cannot be lakefs://: export into an object store or a folder.');
  pathFilter(spec.filters);
  parseSource(spec.source);
  return JSON.parse(JSON.stringify(spec)) as LakeExportSpec;
}

export interface SourceAddress {
  repository: string;
  ref: string;
  /** '' or a path that ends with '/'. */
  folder: string;
}

/** Takes `lakefs://repository/ref[/folder]` apart. @throws SluiceError BAD_URI */
export function parseSource(uri: string): SourceAddress {
  const { repository, ref, path } = parseLakeUri(uri);
  return { repository, ref, folder: asFolder(path) };
}

function filterRules(input: { [key: string]: Json | undefined }): FilterRule[] {
  const rules: FilterRule[] = [];
  for (const rule of list(input.filters, 'filters')) {
    if (
      rule === null ||
      typeof rule !== 'object' ||
      Array.isArray(rule) ||
      typeof rule.glob !== 'string' ||
      typeof rule.include !== 'boolean'
    ) {
      throw bad('Each of "filters" must be {include: true|false, glob: "…"}.');
    }
    rules.push({ include: rule.include, glob: rule.glob });
  }
  for (const glob of list(input.include, 'include'))
    rules.push({ include: true, glob: text(glob, 'include')! });
  for (const glob of list(input.exclude, 'exclude'))
    rules.push({ include: false, glob: text(glob, 'exclude')! });
  return rules;
}

function list(value: Json | undefined, name: string): Json[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(`"${name}" must be a list.`);
  return value;
}

function text(value: Json | undefined, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw bad(`"${name}" must be a text.`);
  return value;
}

function flag(value: Json | undefined, name: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw bad(`"${name}" must be true or false.`);
  return value;
}

function choice<T extends string>(value: Json | undefined, name: string, from: readonly T[]): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (!from.includes(value as T))
    throw bad(`"${name}" must be one of ${from.join(', ')}, not ${JSON.stringify(value)}.`);
  return value as T;
}

function fail(name: string): never {
  throw bad(`A lake export needs "${name}".`);
}

function bad(message: string): SluiceError {
  return new SluiceError('BAD_SPEC', message);
}
