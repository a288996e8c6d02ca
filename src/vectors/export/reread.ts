import type { JobContext, Outcome } from '../../jobs/kind.ts';
import type { PartRecord } from '../../jobs/part.ts';
import { type FileLayer, mergedObjects, openChain } from '../chain.ts';
import { VectorFile } from '../layouts/file.ts';
import type { VectorObject } from '../object.ts';
import { type ReadOptions, readObjects } from '../read.ts';
import { rangeOf } from '../uuid.ts';
import { readChanges } from './incremental.ts';
import { PartFile } from './part-file.ts';
import {
  type ExportPartBody,
  type ExportPartData,
  type ExportPlace,
  type PinnedVectors,
  propertiesOf,
  type Slice,
  schemaOf,
} from './pinned.ts';
import { type Updated, Updates } from './updates.ts';

/** How often it is asked for changes before the export ends all the same. */
export const ROUNDS = 5;

/** What came of looking for objects that changed while the export ran. */
export interface Reread {
  /** Objects updated since the start; of a tenant (or class) and round at most 10,000 are counted. */
  updated: number;
  /** Objects read again, by class: they had changed after they were read. */
  changed: number[];
  rounds: number;
  /** The last round found nothing that had changed. */
  quiet: boolean;
  /** New data of parts whose file was written again. */
  data: Map<string, ExportPartData>;
}

/**
 * Finds the objects that changed after they were read, reads only these again, and puts them into their
 * files; then those that changed meanwhile, and so on until there are none, at most ROUNDS times.
 */
export async function rereadChanged(
  pinned: PinnedVectors,
  outcome: Outcome,
  place: ExportPlace,
  context: JobContext,
): Promise<Reread> {
  const result: Reread = {
    updated: 0,
    changed: pinned.classes.map(() => 0),
    rounds: 0,
    quiet: false,
    data: new Map(),
  };
  const earlier =
    pinned.spec.since === undefined ? [] : await openChain(context.open, pinned.spec.since, context.signal);
  for (let since = pinned.startedAt; result.rounds < ROUNDS && !result.quiet; result.rounds++) {
    const asked = await place.client.clock(context.signal);
    const updates = new Updates(place.client, since, context.signal);
    result.quiet = true;
    for await (const part of outcome.parts()) {
      const data = result.data.get(part.id) ?? (part.data as ExportPartData | undefined);
      const one = new PartAgain(part, data, pinned, place, earlier, context);
      const changed = await one.run(updates);
      if (one.data !== data) result.data.set(part.id, one.data!);
      result.changed[(part.body as ExportPartBody).class]! += changed;
      if (changed > 0) result.quiet = false;
    }
    result.updated += updates.found;
    since = asked;
  }
  return result;
}

/** Objects fetched side by side. */
const AT_ONCE = 8;

class PartAgain {
  data: ExportPartData | undefined;
  readonly #body: ExportPartBody;
  readonly #pinned: PinnedVectors;
  readonly #place: ExportPlace;
  readonly #earlier: readonly FileLayer[];
  readonly #context: JobContext;
  #changed = 0;

  constructor(
    part: PartRecord,
    data: ExportPartData | undefined,
    pinned: PinnedVectors,
    place: ExportPlace,
    earlier: readonly FileLayer[],
    context: JobContext,
  ) {
    this.data = data;
    this.#body = part.body as ExportPartBody;
    this.#pinned = pinned;
    this.#place = place;
    this.#earlier = earlier;
    this.#context = context;
  }

  /** @returns how many objects were read again */
  async run(updates: Updates): Promise<number> {
    const { name } = this.#pinned.classes[this.#body.class]!;
    const found = new Map<Slice, Updated[] | 'many'>();
    for (const slice of this.#slices()) {
      const updated = await updates.of(name, slice.tenant);
      const own = updated === 'many' ? updated : updated.filter(({ id }) => isIn(slice, id));
      if (own.length > 0) found.set(slice, own);
    }
    if (found.size === 0) return 0;
    let stale = await this.#writtenSince();
    for (const [slice, updated] of found) {
      const changed = updated === 'many' ? updated : await this.#notInFile(slice, updated);
      if (changed.length > 0) stale = true;
      found.set(slice, changed);
    }
    if (stale) this.data = await this.#writeAgain(found);
    return this.#changed;
  }

  /** Tenants that were put back to sleep cannot have changed. */
  #slices(): Slice[] {
    if (!this.data) return [];
    const skipped = new Set(this.data.skipped.map((each) => each.tenant));
    return this.#body.slices.filter(
      (slice) => slice.putBack === undefined && !slice.gone && !skipped.has(slice.tenant ?? ''),
    );
  }

  /** A finish that died had written the file again, so what the part said of it is no longer so. */
  async #writtenSince(): Promise<boolean> {
    const { file } = this.data!;
    if (!file) return false;
    const { rows, bytes } = await VectorFile.open(
      this.#place.store,
      `${this.#place.root}${file.key}`,
      this.#context.signal,
    );
    return rows !== file.rows || bytes !== file.bytes;
  }

  /** Those of these that the file has in another state, or not at all. */
  async #notInFile(slice: Slice, updated: Updated[]): Promise<Updated[]> {
    const range = rangeOf(updated[0]!.id, updated.at(-1)!.id);
    const known = new Map<string, number>();
    const wanted = new Set(updated.map((each) => each.id));
    for await (const row of this.#rows({ ...slice, ...range }, 'ids')) {
      if (wanted.has(row.id)) known.set(row.id, row.updated);
    }
    return updated.filter((each) => known.get(each.id) !== each.updated);
  }

  #rows(slice: Slice, what: 'ids' | 'all'): AsyncGenerator<VectorObject, void, undefined> {
    const { name: className } = this.#pinned.classes[this.#body.class]!;
    const { tenant } = slice;
    return mergedObjects([this.#own()], { className, tenant, range: slice, what }, this.#context.signal);
  }

  /** The part's file as if it were an export of its own. */
  #own(): FileLayer {
    const { name } = this.#pinned.classes[this.#body.class]!;
    const { file } = this.data!;
    return { ...this.#place, metadata: { files: file ? [{ class: name, ...file }] : [] } };
  }

  /** The file, with what has changed since in place of what it held. */
  async #writeAgain(found: ReadonlyMap<Slice, Updated[] | 'many'>): Promise<ExportPartData> {
    const file = new PartFile(this.#body, this.#pinned, this.#place, this.#context.signal);
    const data = structuredClone(this.data!);
    try {
      for (const slice of this.#body.slices) {
        const rows = await this.#writeSlice(file, slice, found.get(slice) ?? [], data);
        const tenant = slice.tenant ?? '';
        if (rows > 0 || tenant in data.rows) data.rows[tenant] = rows;
      }
      if (data.file || Object.values(data.rows).some((rows) => rows > 0)) data.file = await file.finish();
      return data;
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  /** @returns rows written */
  async #writeSlice(
    file: PartFile,
    slice: Slice,
    updated: Updated[] | 'many',
    data: ExportPartData,
  ): Promise<number> {
    let rows = 0;
    const old = this.#rows(slice, 'all');
    try {
      let next = await old.next();
      const copyWhile = async (wanted: (id: string) => boolean): Promise<void> => {
        for (; !next.done && wanted(next.value.id); rows++) {
          await file.add(next.value, slice.tenant);
          next = await old.next();
        }
      };
      for await (const object of this.#newest(slice, updated)) {
        await copyWhile((id) => id < object.id);
        if (!next.done && next.value.id === object.id) next = await old.next();
        // What was there before has its place in the balance already.
        else if (object.created >= this.#pinned.startedAt) this.#added(data, slice);
        await file.add(object, slice.tenant);
        this.#changed++;
        rows++;
      }
      await copyWhile(() => true);
    } finally {
      await old.return(undefined);
    }
    return rows;
  }

  #added(data: ExportPartData, { tenant = '' }: Slice): void {
    const balance = data.balance?.[tenant];
    if (balance) balance.added++;
  }

  /** The objects as they are now, in UUID order; those that have gone since are left out. */
  async *#newest(slice: Slice, updated: Updated[] | 'many'): AsyncGenerator<VectorObject> {
    const { client } = this.#place;
    const schema = schemaOf(this.#pinned, this.#body.class);
    const names = propertiesOf(schema, this.#pinned.spec);
    const properties = (schema.properties ?? []).filter((property) => names.has(property.name));
    const options: ReadOptions = {
      tenant: slice.tenant,
      range: slice,
      expected: slice.expected,
      wanted: { properties, vectors: this.#pinned.spec.vectors },
      signal: this.#context.signal,
      onUnreadable: () => {},
    };
    if (updated === 'many') {
      const balance = { earlier: 0, added: 0, deleted: 0 };
      const chain = [this.#own(), ...this.#earlier];
      for await (const page of readChanges(client, schema, options, chain, balance, async () => {})) {
        yield* page.filter((object) => !object.unreadable);
      }
      return;
    }
    const one = async ({ id }: Updated): Promise<VectorObject | undefined> => {
      for await (const page of readObjects(client, schema, {
        ...options,
        range: rangeOf(id, id),
        expected: 1,
      })) {
        return page.find((object) => !object.unreadable);
      }
      return undefined;
    };
    for (let at = 0; at < updated.length; at += AT_ONCE) {
      const objects = await Promise.all(updated.slice(at, at + AT_ONCE).map(one));
      yield* objects.filter((object) => object !== undefined);
    }
  }
}

function isIn({ after, upTo }: Slice, id: string): boolean {
  return (after === undefined || id > after) && (upTo === undefined || id <= upTo);
}
