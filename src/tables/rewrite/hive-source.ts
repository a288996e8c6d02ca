import { createHash } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { MetaData } from '../delta/actions.ts';
import { FileSet } from '../delta/file-set.ts';
import { decodePath, encodePath } from '../delta/paths.ts';
import { parseSchema } from '../delta/schema.ts';
import type { HiveTable, TableSource } from '../method.ts';
import type { SourceChanges } from './changes.ts';

const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

/**
 * A Hive-style table (Parquet files in folders `column=value`) as a Delta table that holds the same files. Files and
 * folders whose names start with `_` or `.` are none of it, as Spark and Hive have it.
 * @throws SluiceError BAD_SPEC when the descriptor's schema does not fit, or files lie in other folders
 */
export async function readHiveTable(
  source: TableSource,
  hive: HiveTable,
  signal: AbortSignal,
): Promise<SourceChanges> {
  const metaData = hiveMetaData(source, hive);
  const files = new FileSet();
  try {
    for await (const page of source.list({ signal })) {
      for (const { path, size } of page) {
        const name = path.slice(source.root.length);
        if (size === 0 || name.split('/').some((part) => /^[_.]/.test(part) && !part.includes('='))) continue;
        files.putAdd({
          path: encodePath(name),
          partitionValues: partitionValues(name, hive.partitionColumns),
          size,
          modificationTime: source.committedAt,
          dataChange: true,
        });
      }
    }
  } catch (error) {
    files.close();
    throw error;
  }
  const protocol = { minReaderVersion: 1, minWriterVersion: 2 };
  return {
    whole: true,
    version: 0,
    segment: { version: 0, commits: [] },
    protocol,
    metaData,
    files,
    txns: new Map(),
    domains: new Map(),
    onlyRearranged: false,
    repeated: false,
  };
}

function hiveMetaData(source: TableSource, { schema, partitionColumns }: HiveTable): MetaData {
  const bad = (why: string): SluiceError =>
    new SluiceError('BAD_SPEC', `The hive table in ${source.root} cannot be exported: ${why}.`);
  if (typeof schema !== 'object' || schema === null) {
    throw bad(
      'its descriptor has no "schema" (a Spark struct: type, fields with name, type, nullable, metadata)',
    );
  }
  const schemaString = JSON.stringify(schema);
  let names: string[];
  try {
    names = parseSchema(schemaString).fields.map((field) => field.name);
  } catch {
    throw bad('the "schema" of its descriptor is no Spark struct (type: struct, fields: …)');
  }
  const unknown = partitionColumns.filter((column) => !names.includes(column));
  if (unknown.length > 0) throw bad(`its partition column ${unknown.join(', ')} is not in its schema`);
  const hex = createHash('sha256').update(`${source.repository}/${source.root}`).digest('hex');
  return {
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    format: { provider: 'parquet', options: {} },
    schemaString,
    partitionColumns,
    configuration: {},
    createdTime: 0,
  };
}

function partitionValues(name: string, columns: readonly string[]): Record<string, string | null> {
  const found = new Map(
    name
      .split('/')
      .slice(0, -1)
      .map((part): [string, string] => {
        const at = part.indexOf('=');
        return [decodePath(part.slice(0, at)), decodePath(part.slice(at + 1))];
      }),
  );
  const missing = columns.filter((column) => !found.has(column));
  if (missing.length > 0 || found.size !== columns.length) {
    throw new SluiceError(
      'BAD_SPEC',
      `The file ${name} does not lie in folders ${columns.map((column) => `${column}=…`).join('/') || '(none: the table has no partition columns)'}, as "partition_columns" of the descriptor says.`,
    );
  }
  return Object.fromEntries(
    columns.map((column) => [column, found.get(column) === NO_VALUE ? null : found.get(column)!]),
  );
}
