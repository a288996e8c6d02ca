import type { AsyncBuffer } from 'hyparquet';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';

/** A file up to this size is read by one request; of a larger one only the row group that is decoded is in memory. */
const WHOLE_FILE_BYTES = 32 << 20;

/** Rows of a Parquet file in a Store, one row group after the other. Columns that the file lacks are left out. */
export async function* parquetRows(
  store: Store,
  file: { key: string; size: number },
  columns: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Record<string, unknown>[]> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const buffer = await asyncBuffer(store, file, signal);
  const metadata = await parquetMetadataAsync(buffer);
  const known = new Set(parquetSchema(metadata).children.map((child) => child.element.name));
  const wanted = columns.filter((column) => known.has(column));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    yield await parquetReadObjects({
      file: buffer,
      metadata,
      columns: wanted,
      rowStart,
      rowEnd,
      compressors,
    });
    rowStart = rowEnd;
  }
}

async function asyncBuffer(
  store: Store,
  file: { key: string; size: number },
  signal: AbortSignal | undefined,
): Promise<AsyncBuffer> {
  const read = async (range?: { start: number; end: number }): Promise<ArrayBuffer> => {
    const { body } = await store.get(file.key, { range, signal });
    const bytes = await readAll(body, Number.POSITIVE_INFINITY);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  };
  if (file.size <= WHOLE_FILE_BYTES) {
    const whole = await read();
    return { byteLength: whole.byteLength, slice: (start, end) => whole.slice(start, end) };
  }
  return {
    byteLength: file.size,
    slice: async (start, end = file.size) =>
      start >= end ? new ArrayBuffer(0) : await read({ start, end: end - 1 }),
  };
}
