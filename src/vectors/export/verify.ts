import { isError } from '../../base/errors.ts';
import { type FileLayer, mergedObjects } from '../chain.ts';
import { differences } from '../compare.ts';
import { VectorFile } from '../layouts/file.ts';
import type { VectorObject } from '../object.ts';
import { readObjects } from '../read.ts';
import { type ExportPlace, type PinnedVectors, propertiesOf, schemaOf } from './pinned.ts';

/** What a comparison of files with the server found. Changes that the server made since are not counted as wrong. */
export interface Verification {
  counts: Counted;
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

/** How classes without tenants, and tenants, were verified: how many in which way. */
export interface Counted {
  [way: string]: number;
  /** The server counts as many objects as the files hold. */
  agreed: number;
  /** Counts did not agree, so all ids were compared: what is missing or has gone is known by name. */
  ids: number;
  /** Every object was compared. */
  full: number;
  /** Tenants that sleep, or are gone: the server does not count them. */
  unseen: number;
}

export function noVerification(): Verification {
  return {
    counts: { agreed: 0, ids: 0, full: 0, unseen: 0 },
    compared: 0,
    different: 0,
    lost: 0,
    deletedSince: 0,
    changedSince: 0,
    examples: [],
  };
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
   * Counts a tenant's objects, or a class's without tenants; where they are not as many as the files should
   * hold, compares all ids. With `verify: full` compares every object at once.
   * @param layers the files, and for an increment those of the exports before it
   */
  async countOrCompare(
    index: number,
    tenant: string | undefined,
    layers: readonly FileLayer[],
    expected: number,
  ): Promise<void> {
    const { counts } = this.found;
    const { name } = this.#pinned.classes[index]!;
    try {
      if (this.#pinned.spec.verify === 'full') {
        await this.#everything(index, tenant, layers, expected, 'all');
        counts.full++;
        return;
      }
      if ((await this.#place.client.count(name, tenant, this.#signal)) === expected) {
        counts.agreed++;
        return;
      }
      await this.#everything(index, tenant, layers, expected, 'ids');
      counts.ids++;
    } catch (error) {
      // A tenant that has gone, or was put back to sleep, cannot be looked at.
      if (!isError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
      counts.unseen++;
    }
  }

  /** @param what `ids` reads ids and times only */
  async #everything(
    index: number,
    tenant: string | undefined,
    layers: readonly FileLayer[],
    expected: number,
    what: 'ids' | 'all',
  ): Promise<void> {
    const schema = schemaOf(this.#pinned, index);
    const { spec, startedAt } = this.#pinned;
    const wantedNames = propertiesOf(schema, spec);
    const properties =
      what === 'all' ? (schema.properties ?? []).filter((property) => wantedNames.has(property.name)) : [];
    const wanted = { properties, vectors: what === 'all' && spec.vectors };
    const server = flat(
      readObjects(this.#place.client, schema, { tenant, range: {}, expected, wanted, signal: this.#signal }),
    );
    const rows = mergedObjects(layers, { className: schema.class, tenant, range: {}, what }, this.#signal);
    try {
      let here = await rows.next();
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
