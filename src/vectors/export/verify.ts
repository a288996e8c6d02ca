import { isError } from '../../base/errors.ts';
import { differences } from '../compare.ts';
import { VectorFile } from '../layouts/file.ts';
import type { VectorObject } from '../object.ts';
import { readObjects } from '../read.ts';
import type { ExportPlace } from './part.ts';
import type { PinnedVectors, Slice } from './pinned.ts';
import { propertiesOf, schemaOf } from './pinned.ts';

/** What a comparison of files with the server found. Changes that the server made since are not counted as wrong. */
export interface Verification {
  /** Rows read back from files and compared, value by value. */
  compared: number;
  /** Objects that differ in a value although they were not updated since. */
  different: number;
  /** Objects that the server had before the export began and that no file has. */
  lost: number;
  /** In a file, and no longer on the server. */
  deletedSince: number;
  /** On the server, updated or made since the export began. */
  changedSince: number;
  /** The first of those that are different or lost. */
  examples: { item: string; what: string }[];
}

export function noVerification(): Verification {
  return { compared: 0, different: 0, lost: 0, deletedSince: 0, changedSince: 0, examples: [] };
}

const EXAMPLES = 20;
const SAMPLE_ROWS = 10;

export class Verifier {
  readonly found = noVerification();
  readonly #pinned: PinnedVectors;
  readonly #place: ExportPlace;
  readonly #signal: AbortSignal;

  constructor(pinned: PinnedVectors, place: ExportPlace, signal: AbortSignal) {
    this.#pinned = pinned;
    this.#place = place;
    this.#signal = signal;
  }

  /** Compares some rows from the middle of a file with what the server says of them by REST. */
  async sample(index: number, key: string): Promise<void> {
    const file = await VectorFile.open(this.#place.store, `${this.#place.root}${key}`, this.#signal);
    if (file.rowGroups === 0) return;
    for (const { object, tenant } of await file.group(file.rowGroups >> 1, SAMPLE_ROWS)) {
      const { name } = this.#pinned.classes[index]!;
      const there = await this.#place.client
        .object(name, object.id, tenant, this.#signal)
        .catch((error: unknown) => {
          // A tenant that has gone, or was put back to sleep: there is nothing to compare with.
          if (isError(error, 'NOT_FOUND', 'CONFLICT')) return 'unreadable' as const;
          throw error;
        });
      if (there === 'unreadable') continue;
      if (!there) this.found.deletedSince++;
      else this.#compare(index, object, this.#wanted(index, there));
    }
  }

  /**
   * Compares a tenant's rows of files, or a class's without tenants, with all objects of the server.
   * @param what `ids` reads ids and times only
   */
  async everything(
    index: number,
    tenant: string | undefined,
    files: readonly string[],
    expected: number,
    what: 'ids' | 'all',
  ): Promise<void> {
    const schema = schemaOf(this.#pinned, index);
    const { spec, startedAt } = this.#pinned;
    const wantedNames = propertiesOf(schema, spec);
    const properties =
      what === 'all' ? (schema.properties ?? []).filter((property) => wantedNames.has(property.name)) : [];
    const slice: Slice = { expected };
    const server = flat(
      readObjects(this.#place.client, schema, {
        tenant,
        range: slice,
        expected,
        wanted: { properties, vectors: what === 'all' && spec.vectors },
        signal: this.#signal,
      }),
    );
    const rows = this.#rows(files, tenant, what);
    let here = await rows.next();
    try {
      for await (const there of server) {
        while (!here.done && here.value.id < there.id) {
          this.found.deletedSince++;
          here = await rows.next();
        }
        if (!here.done && here.value.id === there.id) {
          if (what === 'all') this.#compare(index, here.value, there);
          here = await rows.next();
        } else if (there.created >= startedAt) this.found.changedSince++;
        else {
          this.found.lost++;
          this.#example(`${schema.class}/${there.id}`, 'is not in the files');
        }
      }
      while (!here.done) {
        this.found.deletedSince++;
        here = await rows.next();
      }
    } finally {
      await rows.return(undefined);
    }
  }

  async *#rows(
    files: readonly string[],
    tenant: string | undefined,
    what: 'ids' | 'all',
  ): AsyncGenerator<VectorObject> {
    for (const key of files) {
      const file = await VectorFile.open(this.#place.store, `${this.#place.root}${key}`, this.#signal);
      for (let i = 0; i < file.rowGroups; i++) {
        if (what === 'all') {
          for (const row of await file.group(i)) if (row.tenant === tenant) yield row.object;
          continue;
        }
        for (const { id, updated, tenant: own } of await file.times(i)) {
          if (own === tenant) yield { id, created: 0, updated, properties: {} };
        }
      }
    }
  }

  #compare(index: number, here: VectorObject, there: VectorObject): void {
    if (there.updated !== here.updated) {
      this.found.changedSince++;
      return;
    }
    this.found.compared++;
    const wrong = differences(here, there);
    if (wrong.length === 0) return;
    this.found.different++;
    this.#example(`${this.#pinned.classes[index]!.name}/${here.id}`, `differs in ${wrong.join(', ')}`);
  }

  /** A whole object without what the export leaves out. */
  #wanted(index: number, object: VectorObject): VectorObject {
    const { spec } = this.#pinned;
    const names = propertiesOf(schemaOf(this.#pinned, index), spec);
    const only = <T>(values: Record<string, T> | undefined): Record<string, T> =>
      Object.fromEntries(Object.entries(values ?? {}).filter(([name]) => names.has(name)));
    const { vector, vectors, multiVectors } = spec.vectors ? object : ({} as VectorObject);
    return {
      ...object,
      vector,
      vectors,
      multiVectors,
      properties: only(object.properties),
      references: only(object.references),
    };
  }

  #example(item: string, what: string): void {
    if (this.found.examples.length < EXAMPLES) this.found.examples.push({ item, what });
  }
}

async function* flat<T>(pages: AsyncIterable<T[]>): AsyncGenerator<T> {
  for await (const page of pages) yield* page;
}
