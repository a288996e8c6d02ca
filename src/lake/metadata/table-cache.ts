import { isError } from '../../base/errors.ts';
import type { MetadataSource } from './source.ts';
import { SSTable } from './sstable.ts';

/** Keeps the tables that were read last, within a limit of bytes; readers of one table share it. */
export class TableCache {
  readonly #source: MetadataSource;
  readonly #limit: number;
  readonly #tables = new Map<string, { table: Promise<SSTable>; size: number }>();
  #size = 0;

  /** @param limit bytes of tables to keep */
  constructor(source: MetadataSource, limit = 24 * 1024 * 1024) {
    this.#source = source;
    this.#limit = limit;
  }

  /** @throws SluiceError of the source, CORRUPT for bytes that are no table */
  get(type: 'meta_range' | 'range', id: string, signal?: AbortSignal): Promise<SSTable> {
    const known = this.#tables.get(id);
    if (known) {
      this.#tables.delete(id);
      this.#tables.set(id, known);
      return known.table;
    }
    const kept = { table: this.#read(type, id, signal), size: 0 };
    this.#tables.set(id, kept);
    kept.table.then(
      (table) => {
        if (this.#tables.get(id) !== kept) return;
        kept.size = table.size;
        this.#size += table.size;
        this.#shrink();
      },
      () => this.#tables.delete(id),
    );
    return kept.table;
  }

  /** Forgets a table that turned out to be garbled. */
  drop(id: string): void {
    this.#size -= this.#tables.get(id)?.size ?? 0;
    this.#tables.delete(id);
  }

  async #read(type: 'meta_range' | 'range', id: string, signal?: AbortSignal): Promise<SSTable> {
    try {
      return new SSTable(await this.#source.read(type, id, signal));
    } catch (error) {
      // Bytes may have been garbled on their way; a second look tells.
      if (!isError(error, 'CORRUPT')) throw error;
      return new SSTable(await this.#source.read(type, id, signal));
    }
  }

  #shrink(): void {
    for (const [id, { size }] of this.#tables) {
      if (this.#size <= this.#limit) return;
      // One that is still being read has no size yet.
      if (size > 0) this.drop(id);
    }
  }
}
