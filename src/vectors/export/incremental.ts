import { string } from '../../base/parquet/schema.ts';
import { ParquetWriter } from '../../base/parquet/writer.ts';
import { type Layer, mergedObjects } from '../chain.ts';
import type { VectorObject } from '../object.ts';
import { type ReadOptions, readObjects } from '../read.ts';
import type { ClassSchema } from '../schema.ts';
import { rangeOf } from '../uuid.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import type { ExportPlace } from './part.ts';
import { Upload } from './upload.ts';

/** Where an increment's files of deleted ids are, named as the files of its objects. */
export const DELETED_FOLDER = '_deleted/';
/** Objects that lie next to each other and are fetched at once. */
const LONGEST_RUN = 500;

/**
 * The objects of a range that are new or changed since the earlier exports: ids and times are read and
 * compared, then only those that differ are fetched, neighbours together.
 * @param onDeleted gets the ids that are no longer on the server
 */
export async function* readChanges(
  client: WeaviateClient,
  schema: ClassSchema,
  options: ReadOptions,
  chain: readonly Layer[],
  onDeleted: (id: string) => Promise<void>,
): AsyncGenerator<VectorObject[], void, undefined> {
  const { tenant, range, signal } = options;
  const earlier = mergedObjects(chain, { className: schema.class, tenant, range, what: 'ids' }, signal);
  const wanted = { properties: [], vectors: false };
  let run: string[] = [];
  const fetchRun = async function* (): AsyncGenerator<VectorObject[]> {
    const ids = run;
    run = [];
    if (ids.length === 0) return;
    const own = { ...options, range: rangeOf(ids[0]!, ids.at(-1)!), expected: ids.length };
    yield* readObjects(client, schema, own);
  };
  try {
    let before = await earlier.next();
    for await (const page of readObjects(client, schema, { ...options, wanted })) {
      for (const { id, updated } of page) {
        while (!before.done && before.value.id < id) {
          await onDeleted(before.value.id);
          before = await earlier.next();
        }
        const known = !before.done && before.value.id === id ? before.value : undefined;
        if (known) before = await earlier.next();
        if (known?.updated !== updated) run.push(id);
        else yield* fetchRun();
        if (run.length >= LONGEST_RUN) yield* fetchRun();
      }
    }
    yield* fetchRun();
    while (!before.done) {
      await onDeleted(before.value.id);
      before = await earlier.next();
    }
  } finally {
    await earlier.return(undefined);
  }
}

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
