import type { Compression } from './compress.ts';
import { encodeFooter, type WrittenRowGroup } from './footer.ts';
import { LeafColumn } from './leaf-column.ts';
import type { Column } from './schema.ts';
import { shredder } from './shred.ts';

/**
 * Writes Parquet files, a row group at a time, to any sink, holding no more than one row group in memory.
 *
 *     const writer = new ParquetWriter({
 *       columns: [string('id', { required: true }), list('vector', float('element', { required: true }))],
 *       compression: 'zstd',
 *       sink: (bytes) => upload.write(bytes),
 *     });
 *     writer.add({ id: 'a', vector: new Float32Array([1, 2]) });   // any number of times
 *     if (writer.full) await writer.flush();                       // after each add, or batch of adds
 *     await writer.finish({ note: 'key-value metadata' });         // → {rows, bytes, rowGroups}
 *
 * Rows are objects with the columns' names; what is missing is null. What a column takes as its value is
 * said at its function in schema.ts; structs, lists and maps nest as they like. The parts: schema.ts (the
 * columns), shred.ts (rows to levels), leaf-column.ts (levels and values to pages), footer.ts.
 */
export class ParquetWriter {
  readonly columns: readonly Column[];
  readonly #compression: Compression;
  readonly #sink: Sink;
  readonly #rowGroupRows: number;
  readonly #rowGroupBytes: number;
  readonly #leaves: { column: LeafColumn; path: string[] }[] = [];
  readonly #shredders: { name: string; put: ReturnType<typeof shredder> }[];
  readonly #rowGroups: WrittenRowGroup[] = [];
  /** Rows in the open row group. */
  #rows = 0;
  #offset = 0;

  constructor(options: ParquetWriterOptions) {
    this.columns = options.columns;
    this.#compression = options.compression ?? 'zstd';
    this.#sink = options.sink;
    this.#rowGroupRows = options.rowGroupRows ?? 100_000;
    this.#rowGroupBytes = options.rowGroupBytes ?? 64 * 1024 * 1024;
    const pages = {
      compression: this.#compression,
      level: options.level,
      pageBytes: options.pageBytes ?? 1024 * 1024,
    };
    this.#shredders = this.columns.map((column) => ({
      name: column.name,
      put: shredder(column, (leaf, path, maxDefinition, maxRepetition) => {
        const made = new LeafColumn(leaf, maxDefinition, maxRepetition, pages);
        this.#leaves.push({ column: made, path });
        return made;
      }),
    }));
  }

  /** @throws SluiceError BAD_SPEC for a value that its column does not take */
  add(row: Record<string, unknown>): void {
    for (const { name, put } of this.#shredders) put(row[name], 0, 0);
    for (const { column } of this.#leaves) column.endRow();
    this.#rows++;
  }

  /** The open row group has the rows or bytes it should have. */
  get full(): boolean {
    if (this.#rows >= this.#rowGroupRows) return true;
    let bytes = 0;
    for (const { column } of this.#leaves) bytes += column.bytes;
    return bytes >= this.#rowGroupBytes;
  }

  /** Rows in the row group that is not written yet. */
  get openRows(): number {
    return this.#rows;
  }

  /** Bytes given to the sink so far. */
  get bytes(): number {
    return this.#offset;
  }

  /** Writes the open row group, if it has rows. @returns where it stands */
  async flush(): Promise<WrittenRowGroup | undefined> {
    if (this.#rows === 0) return undefined;
    const group: WrittenRowGroup = { rows: this.#rows, offset: 0, bytes: 0, chunks: [] };
    this.#rows = 0;
    const ending = this.#leaves.map(({ column }) => column.endChunk());
    const all = Promise.all(ending);
    all.catch(() => {});
    await this.#start();
    group.offset = this.#offset;
    for (const { pages, ...chunk } of await all) {
      group.chunks.push({ ...chunk, offset: this.#offset });
      for (const bytes of pages) await this.#write(bytes);
    }
    group.bytes = this.#offset - group.offset;
    this.#rowGroups.push(group);
    return group;
  }

  /** Takes over a row group of another file of the same columns and compression, byte for byte. */
  async copy(group: WrittenRowGroup, content: AsyncIterable<Uint8Array>): Promise<WrittenRowGroup> {
    await this.#start();
    const moved = this.#offset - group.offset;
    for await (const bytes of content) await this.#write(bytes);
    const copied: WrittenRowGroup = {
      ...group,
      offset: group.offset + moved,
      chunks: group.chunks.map((chunk) => ({ ...chunk, offset: chunk.offset + moved })),
    };
    this.#rowGroups.push(copied);
    return copied;
  }

  /** Writes what is open, and the footer. @param metadata the file's key-value metadata */
  async finish(metadata: Record<string, string> = {}): Promise<ParquetFile> {
    await this.flush();
    await this.#start();
    const footer = encodeFooter({
      columns: this.columns,
      leaves: this.#leaves,
      compression: this.#compression,
      rowGroups: this.#rowGroups,
      metadata,
    });
    const end = Buffer.alloc(8);
    end.writeUInt32LE(footer.length);
    end.write(MAGIC, 4);
    await this.#write(Buffer.concat([footer, end]));
    return {
      rows: this.#rowGroups.reduce((sum, group) => sum + group.rows, 0),
      bytes: this.#offset,
      rowGroups: this.#rowGroups,
    };
  }

  async #start(): Promise<void> {
    if (this.#offset === 0) await this.#write(Buffer.from(MAGIC));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length;
    await this.#sink(bytes);
  }
}

/** Takes the file's bytes in order; the writer waits for it. */
export type Sink = (bytes: Uint8Array) => Promise<void> | void;

export interface ParquetWriterOptions {
  columns: readonly Column[];
  sink: Sink;
  /** zstd when left out. */
  compression?: Compression;
  /** The codec's own; its fast end when left out. */
  level?: number | undefined;
  /** When `full` says so. */
  rowGroupRows?: number;
  /** When `full` says so: bytes of values, before compression. */
  rowGroupBytes?: number;
  /** Bytes of values after which a page ends. */
  pageBytes?: number;
}

export interface ParquetFile {
  rows: number;
  bytes: number;
  rowGroups: readonly WrittenRowGroup[];
}

const MAGIC = 'PAR1';
