import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { parseLakeUri } from '../../lake/client/address.ts';
import { settledUri } from '../../stores/folder.ts';

export const METHODS = ['native', 'copy', 'databricks', 'spark'] as const;
export type MethodName = (typeof METHODS)[number];

export interface CatalogSpec {
  [key: string]: Json | undefined;
  /** A connection of type unity or databricks. */
  connection: string;
  /** The catalog's name; absent: the descriptor's. */
  name?: string;
  /** Of tables; `{branch}` and `{repository}` are replaced. */
  schema: string;
  /** Makes a table of open-source Unity Catalog anew when its columns changed. */
  replace_columns: boolean;
}

export interface DatabricksSpec {
  [key: string]: Json | undefined;
  /** A connection of type databricks. */
  connection: string;
  cluster_id?: string;
  notebook_path?: string;
  warehouse_id?: string;
  /** Seconds that a notebook run may take. */
  timeout: number;
  /** Seconds that a SQL statement may take. */
  sql_timeout: number;
}

export interface SparkSpec {
  [key: string]: Json | undefined;
  command: string[];
  /** Seconds. */
  timeout: number;
}

/** What a table export is asked to do, every default filled in. Holds names of connections, never secrets. */
export interface TableExportSpec {
  [key: string]: Json | undefined;
  /** `lakefs://repository/ref` */
  source: string;
  lake_connection?: string;
  /** Under which branch's name the tables go; absent: the ref. */
  branch?: string;
  /** Exports tables that did not change, too. */
  all: boolean;
  /** Only these, by name. */
  tables?: string[];
  /** Descriptors by file name; absent: all. */
  table_defs?: string[];
  table_descriptors_path: string;
  target_base_location: string;
  target_connection?: string;
  method: MethodName;
  /** By table. */
  methods: Record<string, MethodName>;
  /** Absent: files only. */
  catalog?: CatalogSpec;
  databricks?: DatabricksSpec;
  spark?: SparkSpec;
  /** Where Spark finds a table, with `{repository}`, `{commit}`, `{path}`. */
  source_template?: string;
  on_delete: 'keep' | 'drop';
  addresses: Record<string, string>;
  allow_features: string[];
  retention_days: number;
}

type Fields = { [key: string]: Json | undefined };

const KNOWN = [
  'source',
  'lake_connection',
  'branch',
  'all',
  'tables',
  'table_defs',
  'table_descriptors_path',
  'target_base_location',
  'target_connection',
  'method',
  'methods',
  'catalog',
  'databricks',
  'spark',
  'source_template',
  'on_delete',
  'addresses',
  'allow_features',
  'retention_days',
];

/**
 * Checks what a user, a file or a hook asked for and fills in the defaults.
 * @throws SluiceError BAD_SPEC, saying which setting is wrong and what it takes
 */
export function parseTableExportSpec(input: Json): TableExportSpec {
  const fields = asFields(input, 'A table export');
  for (const key of Object.keys(fields)) {
    if (!KNOWN.includes(key))
      throw bad(`A table export has no setting "${key}" (known: ${KNOWN.join(', ')})`);
  }
  const source = needed(fields, 'source');
  parseLakeUri(source);
  const databricks = parseDatabricks(fields.databricks);
  const method =
    choice(fields.method, 'method', METHODS) ??
    (databricks?.cluster_id && databricks.notebook_path ? 'databricks' : 'native');
  const methods = Object.fromEntries(
    Object.entries(asFields(fields.methods ?? {}, '"methods"')).map(([table, value]) => [
      table,
      choice(value, `methods.${table}`, METHODS)!,
    ]),
  );
  const spec: TableExportSpec = {
    source,
    lake_connection: text(fields.lake_connection, 'lake_connection'),
    branch: text(fields.branch, 'branch'),
    all: flag(fields.all, 'all') ?? false,
    tables: texts(fields.tables, 'tables'),
    table_defs: texts(fields.table_defs, 'table_defs'),
    table_descriptors_path: text(fields.table_descriptors_path, 'table_descriptors_path') ?? '_lakefs_tables',
    target_base_location: settledUri(needed(fields, 'target_base_location')).replace(/\/+$/, ''),
    target_connection: text(fields.target_connection, 'target_connection'),
    method,
    methods,
    catalog: parseCatalog(fields.catalog, databricks),
    databricks,
    spark: parseSpark(fields.spark),
    source_template: text(fields.source_template, 'source_template'),
    on_delete: choice(fields.on_delete, 'on_delete', ['keep', 'drop'] as const) ?? 'keep',
    addresses: Object.fromEntries(
      Object.entries(asFields(fields.addresses ?? {}, '"addresses"')).map(([prefix, to]) => [
        prefix,
        text(to, `addresses.${prefix}`) ?? '',
      ]),
    ),
    allow_features: texts(fields.allow_features, 'allow_features') ?? [],
    retention_days: number(fields.retention_days, 'retention_days') ?? 7,
  };
  checkMethods(spec);
  return spec;
}

function checkMethods(spec: TableExportSpec): void {
  const used = new Set<string>([spec.method, ...Object.values(spec.methods)]);
  if (used.has('databricks') && !(spec.databricks?.cluster_id && spec.databricks.notebook_path)) {
    throw bad('Method "databricks" needs "cluster_id" and "notebook_path" under "databricks"');
  }
  if (used.has('spark') && !spec.spark) {
    throw bad(
      'Method "spark" needs "command" under "spark", such as [spark-submit, notebooks/spark_shallow_clone.py]',
    );
  }
}

function parseCatalog(
  value: Json | undefined,
  databricks: DatabricksSpec | undefined,
): CatalogSpec | undefined {
  const schema = '{branch}';
  if (value === 'none') return undefined;
  if (value === undefined || value === null) {
    if (!databricks?.warehouse_id) return undefined;
    return { connection: databricks.connection, schema, replace_columns: false };
  }
  const fields = asFields(value, '"catalog"');
  return {
    connection: needed(fields, 'connection', 'catalog.connection'),
    name: text(fields.name, 'catalog.name'),
    schema: text(fields.schema, 'catalog.schema') ?? schema,
    replace_columns: flag(fields.replace_columns, 'catalog.replace_columns') ?? false,
  };
}

function parseDatabricks(value: Json | undefined): DatabricksSpec | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = asFields(value, '"databricks"');
  for (const secret of ['token', 'client_secret']) {
    if (fields[secret] !== undefined) {
      throw bad(
        `A job does not carry secrets: move "host" and "${secret}" of "databricks" to a connection of type databricks and name it in "databricks.connection"`,
      );
    }
  }
  return {
    connection: needed(fields, 'connection', 'databricks.connection'),
    cluster_id: text(fields.cluster_id, 'databricks.cluster_id'),
    notebook_path: text(fields.notebook_path, 'databricks.notebook_path'),
    warehouse_id: text(fields.warehouse_id, 'databricks.warehouse_id'),
    timeout: number(fields.timeout, 'databricks.timeout') ?? 3600,
    sql_timeout: number(fields.sql_timeout, 'databricks.sql_timeout') ?? 600,
  };
}

function parseSpark(value: Json | undefined): SparkSpec | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = asFields(value, '"spark"');
  const command = texts(fields.command, 'spark.command');
  if (!command?.length) throw bad('"spark.command" must be a list: the program and its arguments');
  return { command, timeout: number(fields.timeout, 'spark.timeout') ?? 3600 };
}

const bad = (why: string): SluiceError => new SluiceError('BAD_SPEC', `${why}.`);

function asFields(value: Json, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw bad(`${what} must be an object of settings`);
}

function needed(fields: Fields, key: string, name = key): string {
  const value = text(fields[key], name);
  if (value === undefined || value === '') throw bad(`"${name}" is missing`);
  return value;
}

function text(value: Json | undefined, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw bad(`"${name}" must be a text`);
}

function texts(value: Json | undefined, name: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[];
  throw bad(`"${name}" must be a list of texts`);
}

function flag(value: Json | undefined, name: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw bad(`"${name}" must be true or false`);
}

function number(value: Json | undefined, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= 0) return value;
  throw bad(`"${name}" must be a number that is not negative`);
}

function choice<T extends string>(
  value: Json | undefined,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const said = text(value, name);
  if (said === undefined) return undefined;
  if ((allowed as readonly string[]).includes(said)) return said as T;
  throw bad(`"${name}" is "${said}"; it can be ${allowed.join(', ')}`);
}
