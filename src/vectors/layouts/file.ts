import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { AsyncBuffer, Compressors, FileMetaData, ParquetParsers } from 'hyparquet';
import { SluiceError } from '../../base/errors.ts';
import { type Decompress, readFloatLists } from '../../base/parquet/float-lists.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import type { VectorObject } from '../object.ts';
import type { ClassSchema } from '../schema.ts';
import type { UuidRange } from '../uuid.ts';
import { type ColumnMap, SLUICE_KEY } from './typed.ts';
import { fromTypedRow } from './typed-rows.ts';
import { fromWeaviateRow } from './weaviate-rows.ts';

/** A row, and the tenant it belongs to. */
export interface FileRow {
  object: VectorObject;
  tenant: string | undefined;
}

/**
 * A file of vectors in either layout, made by Sluice or by Weaviate's own export: reads the footer at once
 * and rows by row group.
 */
export class VectorFile {
  readonly key: string;
  /** Of the file's only class. */
  readonly className: string;
  /** Missing in files of Weaviate's own export. */
  readonly schema: ClassSchema | undefined;
  /** Of a file that holds one tenant. */
  readonly tenant: string | undefined;
  readonly layout: 'typed' | 'weaviate';
  readonly rows: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Key-value metadata. */
  readonly metadata: Record<string, string>;
  readonly #buffer: AsyncBuffer;
  readonly #footer: FileMetaData;
  readonly #map: ColumnMap | undefined;
  /** Names of columns, those of what is nested left out. */
  readonly #columns: ReadonlySet<string>;
  /** Whether the column `tenant` names the tenant; in a class without tenants it is a property of that name. */
  readonly #namesTenants: boolean;

  private constructor(key: string, buffer: AsyncBuffer, footer: FileMetaData) {
    this.key = key;
    this.#buffer = buffer;
    this.#footer = footer;
    this.rows = Number(footer.num_rows);
    this.bytes = buffer.byteLength;
    this.metadata = {};
    for (const { key: name, value } of footer.key_value_metadata ?? []) {
      if (value !== undefined) this.metadata[name] = value;
    }
    const className = this.metadata.collection ?? this.metadata.class_name;
    if (className === undefined) {
      throw new SluiceError(
        'PROTOCOL',
        `${key} is a Parquet file, but not one of vectors: its footer names no class.`,
      );
    }
    this.className = className;
    this.tenant = this.metadata.tenant;
    this.schema = this.metadata.schema ? (JSON.parse(this.metadata.schema) as ClassSchema) : undefined;
    const own = this.metadata[SLUICE_KEY];
    const map = own ? (JSON.parse(own) as { layout: string }) : undefined;
    this.layout = map?.layout === 'typed' ? 'typed' : 'weaviate';
    if (this.layout === 'typed') this.#map = map as ColumnMap;
    this.#columns = new Set(
      footer.row_groups[0]?.columns.map((column) => column.meta_data!.path_in_schema[0]!),
    );
    this.#namesTenants =
      this.#columns.has('tenant') && !Object.values(this.#map?.properties ?? {}).includes('tenant');
  }

  /** @throws SluiceError NOT_FOUND, PROTOCOL (not a Parquet file, or not one of vectors) */
  static async open(store: Store, key: string, signal?: AbortSignal): Promise<VectorFile> {
    const { size } = await store.head(key, { signal });
    const buffer: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        if (end <= start) return new ArrayBuffer(0);
        const { body } = await store.get(key, { range: { start, end: end - 1 }, signal });
        const bytes = await readAll(body, Number.MAX_SAFE_INTEGER);
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
      },
    };
    const { parquetMetadataAsync } = await import('hyparquet');
    const footer = await parquetMetadataAsync(buffer).catch((error: unknown) => {
      if (error instanceof SluiceError) throw error;
      const said = error instanceof Error ? error.message : String(error);
      throw new SluiceError('PROTOCOL', `${key} cannot be read as Parquet: ${said}`);
    });
    return new VectorFile(key, buffer, footer);
  }

  get rowGroups(): number {
    return this.#footer.row_groups.length;
  }

  /** By the statistics of the row group: false when none of its rows is of this tenant and range. */
  mayHold(index: number, tenant: string | undefined, range: UuidRange): boolean {
    for (const { meta_data: column } of this.#footer.row_groups[index]!.columns) {
      const name = column?.path_in_schema.join('.');
      const { min_value: min, max_value: max } = column?.statistics ?? {};
      if (typeof min !== 'string' || typeof max !== 'string') continue;
      const outside = tenant !== undefined && (tenant < min || tenant > max);
      if (name === 'tenant' && this.#namesTenants && outside) return false;
      if (name !== 'id') continue;
      if (range.after !== undefined && max <= range.after) return false;
      if (range.upTo !== undefined && min > range.upTo) return false;
    }
    return true;
  }

  /** All row groups, one after the other. @param from the first one */
  async *groups(from = 0): AsyncGenerator<FileRow[]> {
    for (let i = from; i < this.rowGroups; i++) yield this.group(i);
  }

  /** The rows of a row group. @param most only so many of its first ones, which costs as much less */
  async group(index: number, most = Number.POSITIVE_INFINITY): Promise<FileRow[]> {
    const rows = await this.#read(index, undefined, most);
    if (!this.#map) return rows.map((row) => ({ object: fromWeaviateRow(row), tenant: this.tenant }));
    const map = this.#map;
    const schema = this.schema!;
    return rows.map((row) => ({
      object: fromTypedRow(row, schema, map),
      tenant: this.#tenantOf(row),
    }));
  }

  #tenantOf(row: Record<string, unknown>): string | undefined {
    return (this.#namesTenants ? (row.tenant as string | undefined) : undefined) ?? this.tenant;
  }

  /** Only ids and times, which costs a small part of reading all. */
  async times(index: number): Promise<{ id: string; tenant: string | undefined; updated: number }[]> {
    const columns = ['id'];
    if (this.#columns.has('update_time')) columns.push('update_time');
    if (this.#namesTenants) columns.push('tenant');
    const rows = await this.#read(index, columns, Number.POSITIVE_INFINITY);
    return rows.map((row) => ({
      id: String(row.id),
      updated: Number(row.update_time ?? 0),
      tenant: this.#tenantOf(row),
    }));
  }

  async #read(
    index: number,
    columns: string[] | undefined,
    most: number,
  ): Promise<Record<string, unknown>[]> {
    const { parquetReadObjects } = await import('hyparquet');
    const { compressors } = await import('hyparquet-compressors');
    const codecs: Compressors = {
      ...compressors,
      ZSTD: (input) => plain(zstdDecompressSync(input)),
      GZIP: (input) => plain(gunzipSync(input)),
    };
    let rowStart = 0;
    for (const group of this.#footer.row_groups.slice(0, index)) rowStart += Number(group.num_rows);
    const rows = Math.min(most, Number(this.#footer.row_groups[index]!.num_rows));
    const vectors = columns ? new Map<string, Vectors>() : await this.#vectors(index, rows, codecs);
    const others = this.#footer.row_groups[index]!.columns.map(
      (column) => column.meta_data!.path_in_schema[0]!,
    );
    const read: Record<string, unknown>[] = await parquetReadObjects({
      file: this.#buffer,
      metadata: this.#footer,
      rowStart,
      rowEnd: rowStart + rows,
      columns: columns ?? [...new Set(others)].filter((name) => !vectors.has(name)),
      utf8: false,
      parsers: PARSERS,
      compressors: codecs,
    });
    for (const [name, values] of vectors) {
      read.forEach((row, i) => {
        row[name] = values[i];
      });
    }
    return read;
  }

  /** The vectors of a row group, by column: lists of floats, which are most of a file, are read as bytes. */
  async #vectors(index: number, rows: number, codecs: Compressors): Promise<Map<string, Vectors>> {
    const found = new Map<string, Vectors>();
    for (const { meta_data: column } of this.#footer.row_groups[index]!.columns) {
      const [name = '', list, element, ...deeper] = column?.path_in_schema ?? [];
      const isVector = list === 'list' && element === 'element' && deeper.length === 0;
      if (
        !column ||
        !isVector ||
        column.type !== 'FLOAT' ||
        !Object.values(this.#map?.vectors ?? {}).includes(name)
      ) {
        continue;
      }
      const decompress: Decompress = (bytes, size) =>
        column.codec === 'UNCOMPRESSED' ? bytes : codecs[column.codec]!(bytes, size);
      const start = Number(column.data_page_offset);
      const whole = Number(column.total_compressed_size);
      let values: Vectors | undefined;
      // Few rows are in the first page, mostly.
      for (const size of rows <= FEW_ROWS && whole > FEW_BYTES ? [FEW_BYTES, whole] : [whole]) {
        const bytes = new Uint8Array(await this.#buffer.slice(start, start + size));
        values = readFloatLists(bytes, decompress, rows);
        if (!values || values.length >= rows) break;
      }
      if (values && values.length >= rows) found.set(name, values);
    }
    return found;
  }
}

type Vectors = (Uint8Array | null)[];

const FEW_ROWS = 100;
const FEW_BYTES = 3 * 1024 * 1024;

const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Times as they are in the file, without the detour over Date. */
const PARSERS = {
  timestampFromMilliseconds: (millis: bigint) => millis,
  timestampFromMicroseconds: (micros: bigint) => micros,
} as unknown as ParquetParsers;
