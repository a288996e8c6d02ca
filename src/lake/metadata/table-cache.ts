import { isError } from '../../base/errors.ts';
import { canceled } from '../../stores/checks.ts';
import type { MetadataSource } from './source.ts';
import { SSTable } from './sstable.ts';

interface Kept {
  table: Promise<SSTable>;
  /** Bytes; 0 while it is read. */
  size: number;
}

/** Keeps the tables that were read last, within a limit of bytes; readers of one table share it. */
export class TableCache {
  readonly #source: MetadataSource;
  readonly #limit: number;
  readonly #tables = new Map<string, Kept>();
  #size = 0;

  /** @param limit bytes of tables to keep */
  constructor(source: MetadataSource, limit = 8 * 1024 * 1024) {
    this.#source = source;
    this.#limit = limit;
  }

  /** @throws SluiceError of the source, CORRUPT for bytes that are no table, CANCELED */
  get(type: 'meta_range' | 'range', id: string, signal?: AbortSignal): Promise<SSTable> {
    let kept = this.#tables.get(id);
    if (kept) {
      this.#tables.delete(id);
      this.#tables.set(id, kept);
    } else {
      // One reader that is stopped must not take the table from the others: none of them ends the reading.
      kept = { table: this.#read(type, id), size: 0 };
      this.#tables.set(id, kept);
      this.#account(id, kept);
    }
    return signal ? unlessStopped(kept.table, signal) : kept.table;
  }

  /** Forgets a table that turned out to be garbled. */
  drop(id: string): void {
    this.#size -= this.#tables.get(id)?.size ?? 0;
    this.#tables.delete(id);
  }

  #account(id: string, kept: Kept): void {
    kept.table.then(
      (table) => {
        if (this.#tables.get(id) !== kept) return;
        kept.size = table.size;
        this.#size += table.size;
        this.#shrink();
      },
      () => {
        if (this.#tables.get(id) === kept) this.#tables.delete(id);
      },
    );
  }

  async #read(type: 'meta_range' | 'range', id: string): Promise<SSTable> {
    try {
      return new SSTable(await this.#source.read(type, id));
    } catch (error) {
      // Bytes may have been garbled on their way; a second look tells.
      if (!isError(error, 'CORRUPT')) throw error;
      return new SSTable(await this.#source.read(type, id));
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

function unlessStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(canceled('the lake', signal));
    if (signal.aborted) {
      promise.catch(() => {});
      stop();
      return;
    }
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
