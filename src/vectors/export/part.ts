import { isError, SluiceError } from '../../base/errors.ts';
import type { PartContext } from '../../jobs/kind.ts';
import { type ItemFailure, MAX_FAILURES_KEPT, type PartResult } from '../../jobs/part.ts';
import { type Layer, mergedObjects, openChain } from '../chain.ts';
import type { VectorObject } from '../object.ts';
import { type ReadOptions, readObjects } from '../read.ts';
import type { ClassSchema } from '../schema.ts';
import { withActivated } from './activate.ts';
import { DELETED_FOLDER, Deletions } from './deletions.ts';
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

/** Reads a part's objects and writes them as one file, which appears complete or not at all. */
export async function exportPart(
  body: ExportPartBody,
  pinned: PinnedVectors,
  place: ExportPlace,
  context: PartContext,
): Promise<PartResult> {
  if (body.skip.length > 0) {
    const data: ExportPartData = { rows: {}, skipped: body.skip };
    const reasons = [...new Set(body.skip.map((each) => each.reason))].join('; ');
    return { counts: { skipped: body.skip.length }, skipped: reasons, data };
  }
  const writing = new PartWriting(body, pinned, place, context);
  try {
    return await writing.run();
  } catch (error) {
    await writing.abort();
    throw error;
  }
}

class PartWriting {
  readonly #body: ExportPartBody;
  readonly #pinned: PinnedVectors;
  readonly #place: ExportPlace;
  readonly #context: PartContext;
  readonly #data: ExportPartData = { rows: {}, skipped: [] };
  readonly #failures: ItemFailure[] = [];
  readonly #deletions: Deletions;
  /** The earlier exports, where only changes are wanted. */
  #chain: Layer[] | undefined;
  readonly #file: PartFile;
  #reported = 0;

  constructor(body: ExportPartBody, pinned: PinnedVectors, place: ExportPlace, context: PartContext) {
    this.#body = body;
    this.#pinned = pinned;
    this.#place = place;
    this.#context = context;
    const { name, multiTenant } = pinned.classes[body.class]!;
    this.#deletions = new Deletions(place, name, multiTenant, context.signal);
    this.#file = new PartFile(body, pinned, place, context.signal);
  }

  async run(): Promise<PartResult> {
    const { spec } = this.#pinned;
    if (spec.since !== undefined) {
      this.#chain = await openChain(this.#context.open, spec.since, this.#context.signal);
    }
    const file = this.#file;
    let rows = 0;
    for (const slice of this.#body.slices) {
      if (slice.gone) {
        await this.#gone(slice.tenant!);
        continue;
      }
      rows += await this.#slice(slice, async (objects) => {
        for (const object of objects) await file.add(object, slice.tenant);
        this.#context.progress({ objects: objects.length, bytes: file.bytes - this.#reported });
        this.#reported = file.bytes;
      });
    }
    await this.#allShardsThere();
    if (rows > 0 || this.#body.evenEmpty) this.#data.file = await file.finish();
    const deleted = await this.#deletions.write(`${DELETED_FOLDER}${this.#body.file}`);
    if (deleted) this.#data.deleted = deleted;
    const counts = {
      deleted: deleted?.rows ?? 0,
      objects: rows,
      bytes: file.bytes,
      skipped: this.#data.skipped.length,
    };
    const none = this.#body.slices.length > 0 && this.#data.skipped.length === this.#body.slices.length;
    return {
      counts,
      data: this.#data,
      ...(this.#failures.length > 0 ? { failures: this.#failures } : {}),
      ...(none ? { skipped: this.#data.skipped[0]!.reason } : {}),
    };
  }

  /**
   * A cluster that has lost a node answers searches with what the others have, and does not say so: what was
   * read counts only when every shard is on a node that answers.
   */
  async #allShardsThere(): Promise<void> {
    const { name, shards } = this.#pinned.classes[this.#body.class]!;
    if (shards.length < 2) return;
    const there = await this.#place.client.shardCounts(name, this.#context.signal).catch((error: unknown) => {
      // A role that may read objects need not be one that may look at nodes; the end counts all the same.
      if (isError(error, 'ACCESS_DENIED')) return undefined;
      throw error;
    });
    const missing = there ? shards.filter((shard) => !(shard in there)) : [];
    if (missing.length === 0) return;
    throw new SluiceError(
      'UNAVAILABLE',
      `The ${missing.length === 1 ? 'shard' : 'shards'} ${missing.join(', ')} of ${name} ${missing.length === 1 ? 'is' : 'are'} on no node that answers; go on when the cluster is whole again.`,
    );
  }

  /** All objects, or those that are new or changed since the earlier export. */
  #read(schema: ClassSchema, options: ReadOptions): AsyncGenerator<VectorObject[]> {
    const { client } = this.#place;
    if (this.#chain === undefined) return readObjects(client, schema, options);
    this.#data.balance ??= {};
    const balance = { earlier: 0, added: 0, deleted: 0 };
    this.#data.balance[options.tenant ?? ''] = balance;
    return readChanges(client, schema, options, this.#chain, balance, (id) =>
      this.#deletions.add(id, options.tenant),
    );
  }

  /** A tenant that is no longer on the server: all its objects are deleted ones. */
  async #gone(tenant: string): Promise<void> {
    const { name: className } = this.#pinned.classes[this.#body.class]!;
    const earlier = { className, tenant, range: {}, what: 'ids' as const };
    for await (const { id } of mergedObjects(this.#chain!, earlier, this.#context.signal)) {
      await this.#deletions.add(id, tenant);
    }
  }

  async abort(): Promise<void> {
    await this.#file.abort();
  }

  /** @returns rows taken */
  async #slice(slice: Slice, take: (objects: VectorObject[]) => Promise<void>): Promise<number> {
    const { client } = this.#place;
    const schema = schemaOf(this.#pinned, this.#body.class);
    const wanted = propertiesOf(schema, this.#pinned.spec);
    const properties = (schema.properties ?? []).filter((property) => wanted.has(property.name));
    let rows = 0;
    const read = async (expected: number): Promise<void> => {
      const pages = this.#read(schema, {
        tenant: slice.tenant,
        range: slice,
        expected,
        wanted: { properties, vectors: this.#pinned.spec.vectors },
        signal: this.#context.signal,
        onUnreadable: (id, error) => {
          if (this.#failures.length >= MAX_FAILURES_KEPT) return;
          this.#failures.push({ item: `${schema.class}/${id}`, code: error.code, message: error.message });
        },
      });
      for await (const page of pages) {
        const readable = page.some((object) => object.unreadable)
          ? page.filter((object) => !object.unreadable)
          : page;
        await take(readable);
        rows += readable.length;
      }
    };
    try {
      if (slice.putBack === undefined) await read(slice.expected);
      else {
        await withActivated(
          client,
          schema.class,
          slice.tenant!,
          slice.putBack,
          this.#context.signal,
          async () => read(await client.count(schema.class, slice.tenant, this.#context.signal)),
        );
      }
    } catch (error) {
      const reason = await this.#tenantGone(slice, error);
      if (reason === undefined) throw error;
      if (rows > 0) {
        // Begun again, the file comes without this tenant.
        throw new SluiceError(
          'UNAVAILABLE',
          `Tenant ${slice.tenant} of ${schema.class} ${reason} while it was read.`,
        );
      }
      this.#data.skipped.push({ tenant: slice.tenant!, reason: `it ${reason} after the export was planned` });
    }
    this.#data.rows[slice.tenant ?? ''] = rows;
    return rows;
  }

  async #tenantGone(slice: Slice, error: unknown): Promise<string | undefined> {
    if (slice.tenant === undefined || !isError(error, 'NOT_FOUND', 'CONFLICT', 'PROTOCOL', 'BAD_SPEC')) {
      return undefined;
    }
    const { name } = this.#pinned.classes[this.#body.class]!;
    const schema = await this.#place.client.classNamed(name, this.#context.signal);
    if (!schema) return undefined;
    const state = await this.#place.client.tenantState(name, slice.tenant, this.#context.signal);
    if (state === undefined) return 'was deleted';
    return state === 'HOT' || state === 'ACTIVE' ? undefined : `became ${state}`;
  }
}
