import { CODEC, type Compression } from './compress.ts';
import type { ColumnChunk, LeafColumn } from './leaf-column.ts';
import type { Column } from './schema.ts';
import { type LogicalType, type PhysicalType, type SchemaElement, schemaElements } from './schema.ts';
import { CompactWriter } from './thrift.ts';

const TYPE: Record<PhysicalType, number> = {
  BOOLEAN: 0,
  INT32: 1,
  INT64: 2,
  FLOAT: 4,
  DOUBLE: 5,
  BYTE_ARRAY: 6,
};
const REPETITION = { REQUIRED: 0, OPTIONAL: 1, REPEATED: 2 };
/** ConvertedType for old readers, and the id of the field in the LogicalType union. */
const LOGICAL: Record<LogicalType | 'LIST' | 'MAP', { converted: number; union: number; unit?: number }> = {
  STRING: { converted: 0, union: 1 },
  MAP: { converted: 1, union: 2 },
  LIST: { converted: 3, union: 3 },
  DATE: { converted: 6, union: 6 },
  TIMESTAMP_MILLIS: { converted: 9, union: 8, unit: 1 },
  TIMESTAMP_MICROS: { converted: 10, union: 8, unit: 2 },
  JSON: { converted: 19, union: 12 },
};

/** A leaf's chunk in a written row group: everything of its ColumnMetaData but the column itself. */
export interface WrittenChunk extends Omit<ColumnChunk, 'pages'> {
  /** Of its first page in the file. */
  offset: number;
}

export interface WrittenRowGroup {
  rows: number;
  /** Of its first byte in the file. */
  offset: number;
  /** Its length in the file. */
  bytes: number;
  chunks: WrittenChunk[];
}

export interface FooterParts {
  columns: readonly Column[];
  leaves: readonly { column: LeafColumn; path: string[] }[];
  compression: Compression;
  rowGroups: readonly WrittenRowGroup[];
  metadata: Record<string, string>;
}

/** The file's FileMetaData (parquet.thrift). */
export function encodeFooter({ columns, leaves, compression, rowGroups, metadata }: FooterParts): Buffer {
  const out = new CompactWriter();
  out.i32(1, 2);
  out.structs(2, schemaElements(columns), (element) => writeElement(out, element));
  out.i64(
    3,
    rowGroups.reduce((sum, group) => sum + group.rows, 0),
  );
  out.structs(4, rowGroups, (group) => {
    const chunks = group.chunks.map((chunk, i) => ({ chunk, leaf: leaves[i]! }));
    out.structs(1, chunks, ({ chunk, leaf }) => {
      out.i64(2, 0);
      out.struct(3, () => writeChunk(out, chunk, leaf, compression));
    });
    out.i64(
      2,
      group.chunks.reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0),
    );
    out.i64(3, group.rows);
    out.i64(5, group.offset);
    out.i64(6, group.bytes);
  });
  out.structs(5, Object.entries(metadata), ([key, value]) => {
    out.binary(1, key);
    out.binary(2, value);
  });
  out.binary(6, 'sluice');
  // Without this, readers distrust min and max of texts.
  out.structs(7, leaves, () => out.struct(1, () => {}));
  return out.end();
}

function writeElement(out: CompactWriter, element: SchemaElement): void {
  if (element.type) out.i32(1, TYPE[element.type]);
  if (element.repetition) out.i32(3, REPETITION[element.repetition]);
  out.binary(4, element.name);
  if (element.children !== undefined) out.i32(5, element.children);
  if (!element.logical) return;
  const { converted, union, unit } = LOGICAL[element.logical];
  out.i32(6, converted);
  out.struct(10, () => {
    out.struct(union, () => {
      if (unit === undefined) return;
      out.bool(1, true);
      out.struct(2, () => out.struct(unit, () => {}));
    });
  });
}

function writeChunk(
  out: CompactWriter,
  chunk: WrittenChunk,
  { column, path }: { column: LeafColumn; path: string[] },
  compression: Compression,
): void {
  out.i32(1, TYPE[column.leaf.type]);
  out.i32s(2, [0, 3]);
  out.strings(3, path);
  out.i32(4, CODEC[compression]);
  out.i64(5, chunk.values);
  out.i64(6, chunk.uncompressedBytes);
  out.i64(7, chunk.compressedBytes);
  out.i64(9, chunk.offset);
  out.struct(12, () => {
    if (column.maxRepetition === 0) out.i64(3, chunk.nulls);
    if (chunk.max) out.binary(5, chunk.max);
    if (chunk.min) out.binary(6, chunk.min);
  });
}
