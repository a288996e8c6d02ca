import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { Compression } from '../../base/parquet/compress.ts';
import type { LayoutName } from '../layouts/layout.ts';

/** What a vector export is asked to do. Holds no secret: `weaviate` is a URL or a connection's name. */
export interface VectorExportSpec {
  [key: string]: Json | undefined;
  weaviate: string;
  /** host:port of its gRPC API, where that cannot be told from the URL. */
  grpc?: string;
  /** URI of the folder in which the export's own folder, named by its id, is made. */
  destination: string;
  /** Connection of the destination; by the configuration's `use` when left out. */
  connection?: string;
  /** `[a-z0-9_-]`, at most 128. */
  id: string;
  /** Globs of class names. */
  include: string[];
  exclude: string[];
  /** Globs of tenant names; all when left out. */
  tenants?: string[];
  /** Globs of property names; all when left out. */
  properties?: string[];
  vectors: boolean;
  layout: LayoutName;
  compression: Compression;
  level?: number;
  rowGroupRows: number;
  /** Most rows of a file; a class with more gets numbered files. */
  fileRows: number;
  /** Bytes a file should about have at most. */
  fileSize?: number;
  partitionBy?: 'tenant';
  activateTenants: boolean;
  verify: 'none' | 'sample' | 'full';
  /** URI of an earlier export's folder: only what changed since is written. */
  since?: string;
  source: 'api' | 'native';
}

const KNOWN = new Set([
  ...[
    'weaviate',
    'grpc',
    'destination',
    'connection',
    'id',
    'include',
    'exclude',
    'tenants',
    'properties',
    'vectors',
  ],
  ...['layout', 'compression', 'level', 'rowGroupRows', 'fileRows', 'fileSize', 'partitionBy'],
  ...['activateTenants', 'verify', 'since', 'source'],
]);

export const EXPORT_ID = /^[a-z0-9_-]{1,128}$/;

/** @throws SluiceError BAD_SPEC */
export function parseVectorExportSpec(spec: Json): VectorExportSpec {
  if (spec === null || typeof spec !== 'object' || Array.isArray(spec)) throw bad('it must be an object.');
  const from = spec as Record<string, Json | undefined>;
  for (const name of Object.keys(from)) if (!KNOWN.has(name)) throw bad(`there is no setting "${name}".`);
  const id = needText(from, 'id');
  if (!EXPORT_ID.test(id)) {
    throw bad(`the id "${id}" must be 1 to 128 of a-z, 0-9, "-" and "_".`);
  }
  const include = texts(from, 'include') ?? [];
  const exclude = texts(from, 'exclude') ?? [];
  if (include.length > 0 && exclude.length > 0) {
    throw bad('include and exclude cannot be used together.');
  }
  const layout = choice(from, 'layout', ['typed', 'weaviate'] as const) ?? 'typed';
  const parsed: VectorExportSpec = {
    weaviate: needText(from, 'weaviate'),
    destination: needText(from, 'destination'),
    id,
    include,
    exclude,
    vectors: flag(from, 'vectors') ?? true,
    layout,
    compression: choice(from, 'compression', ['zstd', 'snappy', 'gzip', 'none'] as const) ?? 'zstd',
    rowGroupRows: count(from, 'rowGroupRows') ?? 10_000,
    fileRows: count(from, 'fileRows') ?? 500_000,
    activateTenants: flag(from, 'activateTenants') ?? false,
    verify: choice(from, 'verify', ['none', 'sample', 'full'] as const) ?? 'sample',
    source: choice(from, 'source', ['api', 'native'] as const) ?? 'api',
  };
  const optional = {
    grpc: from.grpc === undefined ? undefined : needText(from, 'grpc'),
    connection: from.connection === undefined ? undefined : needText(from, 'connection'),
    since: from.since === undefined ? undefined : needText(from, 'since'),
    tenants: texts(from, 'tenants'),
    properties: texts(from, 'properties'),
    level: from.level === undefined ? undefined : needNumber(from, 'level'),
    fileSize: count(from, 'fileSize'),
    // A file in Weaviate's own layout has no column for the tenant.
    partitionBy:
      layout === 'weaviate' ? ('tenant' as const) : choice(from, 'partitionBy', ['tenant'] as const),
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) parsed[name] = value;
  return parsed;
}

function bad(what: string): SluiceError {
  return new SluiceError('BAD_SPEC', `This export cannot be done: ${what}`);
}

function needText(from: Record<string, Json | undefined>, name: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw bad(`"${name}" must be given, as a text.`);
  return value;
}

function needNumber(from: Record<string, Json | undefined>, name: string): number {
  const value = from[name];
  if (typeof value !== 'number') throw bad(`"${name}" must be a number.`);
  return value;
}

function count(from: Record<string, Json | undefined>, name: string): number | undefined {
  if (from[name] === undefined) return undefined;
  const value = needNumber(from, name);
  if (!Number.isSafeInteger(value) || value < 1) throw bad(`"${name}" must be a whole number above 0.`);
  return value;
}

function flag(from: Record<string, Json | undefined>, name: string): boolean | undefined {
  const value = from[name];
  if (value !== undefined && typeof value !== 'boolean') throw bad(`"${name}" must be true or false.`);
  return value;
}

function choice<const T extends string>(
  from: Record<string, Json | undefined>,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = from[name];
  if (value === undefined) return undefined;
  if (choices.includes(value as T)) return value as T;
  throw bad(`"${name}" must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`);
}

function texts(from: Record<string, Json | undefined>, name: string): string[] | undefined {
  const value = from[name];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[];
  throw bad(`"${name}" must be a list of texts.`);
}
