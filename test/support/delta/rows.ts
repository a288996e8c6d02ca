import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { readAll } from '../../../src/stores/read.ts';
import type { Store } from '../../../src/stores/store.ts';
import type { DeletionVector } from '../../../src/tables/delta/actions.ts';
import { deletionVectorFile, z85Decode } from '../../../src/tables/delta/deletion-vectors.ts';
import { decodePath, isAbsolute } from '../../../src/tables/delta/paths.ts';
import { readSnapshot } from '../../../src/tables/delta/snapshot.ts';
import { FIXTURES } from './sample-lake.ts';

interface Field {
  name: string;
  type: unknown;
  metadata: Record<string, unknown>;
}

/** Rows that Spark read from a sample table, each as JSON, sorted. */
export function expectedRows(table: string, commit: 'c1' | 'c2'): string[] {
  const lines = readFileSync(join(FIXTURES, 'expected', `${table}@${commit}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => rowText(JSON.parse(line))).sort();
}

/**
 * Reads a table as a Delta reader would: the log, then each data file without what its deletion vector takes out,
 * with the columns' logical names.
 * @param elsewhere gives the bytes of an absolute address
 */
export async function deltaRows(
  store: Store,
  root: string,
  elsewhere: (uri: string) => Buffer,
): Promise<string[]> {
  const snapshot = await readSnapshot(store, root);
  const fetch = async (path: string, absolute: boolean): Promise<Buffer> =>
    absolute ? elsewhere(path) : await readAll((await store.get(root + path)).body);
  const fields = (JSON.parse(snapshot.metaData.schemaString) as { fields: Field[] }).fields;
  const rows: string[] = [];
  for (const add of snapshot.files.adds()) {
    const bytes = await fetch(decodePath(add.path), isAbsolute(add.path));
    const file = new Uint8Array(bytes).buffer;
    const deleted = await deletedRows(add.deletionVector, fetch);
    const found = await parquetReadObjects({ file, compressors });
    found.forEach((values, index) => {
      if (deleted.has(index)) return;
      const row: Record<string, unknown> = {};
      for (const field of fields) {
        const physical = String(field.metadata['delta.columnMapping.physicalName'] ?? field.name);
        const partition = snapshot.metaData.partitionColumns.includes(field.name);
        row[field.name] = partition ? add.partitionValues[physical] : jsonValue(values[physical], field.type);
      }
      rows.push(rowText(row));
    });
  }
  snapshot.files.close();
  return rows.sort();
}

function jsonValue(value: unknown, type: unknown): unknown {
  if (value instanceof Date) return type === 'date' ? value.toISOString().slice(0, 10) : value.toISOString();
  return typeof value === 'bigint' ? Number(value) : value;
}

/** As Spark's toJSON: no nulls. */
export function rowText(row: Record<string, unknown>): string {
  const sorted = Object.keys(row)
    .sort()
    .flatMap((name) => (row[name] === null || row[name] === undefined ? [] : [[name, row[name]]]));
  return JSON.stringify(Object.fromEntries(sorted));
}

/** Protocol, "Deletion Vector Format": a RoaringBitmapArray, either inline or behind its size in a file. */
async function deletedRows(
  vector: DeletionVector | undefined,
  fetch: (path: string, absolute: boolean) => Promise<Buffer>,
): Promise<Set<number>> {
  if (!vector) return new Set();
  if (vector.storageType === 'i') return roaring(z85Decode(vector.pathOrInlineDv));
  const file = await fetch(deletionVectorFile(vector)!, vector.storageType === 'p');
  const start = (vector.offset ?? 0) + 4;
  const rows = roaring(file.subarray(start, start + vector.sizeInBytes));
  if (rows.size !== vector.cardinality)
    throw new Error(`${rows.size} rows in a vector of ${vector.cardinality}`);
  return rows;
}

function roaring(bytes: Buffer): Set<number> {
  if (bytes.readUInt32LE(0) !== 1681511377) throw new Error('no RoaringBitmapArray');
  const rows = new Set<number>();
  let at = 12;
  for (let bitmap = bytes.readUInt32LE(4); bitmap > 0; bitmap--) {
    const high = bytes.readUInt32LE(at) * 2 ** 32;
    at += 4;
    const cookie = bytes.readUInt32LE(at);
    const runs = (cookie & 0xffff) === 12347;
    const containers = runs ? (cookie >>> 16) + 1 : bytes.readUInt32LE(at + 4);
    at += runs ? 4 : 8;
    const isRun = runs ? bytes.subarray(at, at + Math.ceil(containers / 8)) : undefined;
    if (isRun) at += isRun.length;
    const keys: { key: number; count: number }[] = [];
    for (let i = 0; i < containers; i++, at += 4) {
      keys.push({ key: bytes.readUInt16LE(at), count: bytes.readUInt16LE(at + 2) + 1 });
    }
    if (!runs || containers >= 4) at += 4 * containers;
    keys.forEach(({ key, count }, i) => {
      const base = high + key * 65536;
      if (isRun && isRun[i >> 3]! & (1 << (i & 7))) {
        const length = bytes.readUInt16LE(at);
        at += 2;
        for (let run = 0; run < length; run++, at += 4) {
          const first = bytes.readUInt16LE(at);
          for (let row = 0; row <= bytes.readUInt16LE(at + 2); row++) rows.add(base + first + row);
        }
      } else if (count > 4096) {
        for (let bit = 0; bit < 65536; bit++)
          if (bytes[at + (bit >> 3)]! & (1 << (bit & 7))) rows.add(base + bit);
        at += 8192;
      } else {
        for (let j = 0; j < count; j++, at += 2) rows.add(base + bytes.readUInt16LE(at));
      }
    });
  }
  return rows;
}

/** The sample tables at the commits where readers are asked for them. */
export const SAMPLES = [
  ['orders', 'c1'],
  ['users', 'c1'],
  ['v2', 'c1'],
  ['plain', 'c1'],
  ['orders', 'c2'],
] as const;

/** Rows that a reader gave as JSON, to be compared with `expectedRows`. */
export const rowTexts = (lines: string[]): string[] => lines.map((line) => rowText(JSON.parse(line))).sort();
