import { string } from '../../base/parquet/schema.ts';
import { ParquetWriter } from '../../base/parquet/writer.ts';
import type { ExportPlace } from './pinned.ts';
import { Upload } from './upload.ts';

/** Where an increment's files of deleted ids are, named as the files of its objects. */
export const DELETED_FOLDER = '_deleted/';

/** The ids of a part that are no longer on the server, as a Parquet file. */
export class Deletions {
  readonly #place: ExportPlace;
  readonly #className: string;
  readonly #multiTenant: boolean;
  readonly #signal: AbortSignal;
  readonly #chunks: Uint8Array[] = [];
  #writer: ParquetWriter | undefined;
  #rows = 0;

  constructor(place: ExportPlace, className: string, multiTenant: boolean, signal: AbortSignal) {
    this.#place = place;
    this.#className = className;
    this.#multiTenant = multiTenant;
    this.#signal = signal;
  }

  async add(id: string, tenant: string | undefined): Promise<void> {
    this.#writer ??= new ParquetWriter({
      columns: [
        string('id', { required: true }),
        ...(this.#multiTenant ? [string('tenant', { required: true })] : []),
      ],
      // Compressed ids of one part: some megabytes at most.
      sink: (bytes) => void this.#chunks.push(Buffer.from(bytes)),
    });
    this.#writer.add({ id, tenant });
    this.#rows++;
    if (this.#writer.full) await this.#writer.flush();
  }

  /** @returns undefined when there are none */
  async write(key: string): Promise<{ key: string; rows: number } | undefined> {
    if (!this.#writer) return undefined;
    await this.#writer.finish({ collection: this.#className, sluice: JSON.stringify({ layout: 'deleted' }) });
    const upload = new Upload(this.#place.store, `${this.#place.root}${key}`, { signal: this.#signal });
    for (const chunk of this.#chunks) await upload.write(chunk);
    await upload.end();
    return { key, rows: this.#rows };
  }
}
