import { isError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { Limiter } from '../../base/limiter.ts';
import type { Part } from '../../jobs/part.ts';
import { type ClassSchema, isMultiTenant } from '../schema.ts';
import { splitRange } from '../uuid.ts';
import type { Tenant, WeaviateClient } from '../weaviate/client.ts';
import {
  type ExportPartBody,
  fileName,
  nameFilter,
  numbered,
  type PinnedClass,
  propertiesOf,
  type Slice,
} from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';

/** Most tenants that one part names. */
const TENANTS_A_PART = 500;

/** Cuts a class into parts, each a file's worth of it, by what the server has. */
export class ClassPlan {
  readonly #client: WeaviateClient;
  readonly #schema: ClassSchema;
  readonly #spec: VectorExportSpec;
  readonly #index: number;
  readonly #earlierTenants: readonly string[];
  readonly #signal: AbortSignal;
  #objects = 0;
  #shards: string[] = [];
  #parts = 0;
  #tenants: string[] = [];

  constructor(
    client: WeaviateClient,
    schema: ClassSchema,
    spec: VectorExportSpec,
    index: number,
    earlierTenants: readonly string[],
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#schema = schema;
    this.#spec = spec;
    this.#index = index;
    this.#earlierTenants = earlierTenants;
    this.#signal = signal;
  }

  pinned(): PinnedClass {
    return {
      name: this.#schema.class,
      schema: this.#schema as unknown as Json,
      multiTenant: isMultiTenant(this.#schema),
      objects: this.#objects,
      shards: this.#shards,
    };
  }

  /** Known when all parts were given: the class's tenants, those of the earlier exports included. */
  get tenants(): readonly string[] {
    return this.#tenants;
  }

  async *parts(): AsyncGenerator<Part> {
    if (isMultiTenant(this.#schema)) yield* this.#ofTenants();
    else {
      this.#shards = await this.#client.shards(this.#schema.class, this.#signal).catch((error: unknown) => {
        // A role that may read objects need not be one that may see shards.
        if (isError(error, 'ACCESS_DENIED')) return [];
        throw error;
      });
      this.#objects = await this.#client.count(this.#schema.class, undefined, this.#signal);
      const rows = await this.#fileRows(undefined);
      yield* this.#ranges(undefined, this.#objects, rows, this.#schema.class);
    }
  }

  async *#ofTenants(): AsyncGenerator<Part> {
    const wanted = nameFilter(this.#spec.tenants);
    const all = await this.#client.tenants(this.#schema.class, this.#signal);
    this.#tenants = [...all.map((tenant) => tenant.name), ...this.#earlierTenants];
    const { readable, skipped } = sortOut(
      all.filter((tenant) => wanted(tenant.name)),
      this.#spec.activateTenants,
    );
    const counted = await this.#count(readable);
    this.#objects = counted.reduce((sum, slice) => sum + slice.expected, 0);
    const rows = counted.length === 0 ? this.#spec.fileRows : await this.#fileRows(counted[0]);

    if (this.#spec.partitionBy === 'tenant') {
      for (const slice of counted) {
        const name = fileName(this.#spec, this.#schema.class, slice.tenant);
        yield* this.#ranges(slice, slice.expected, rows, name);
      }
    } else {
      const whole = this.#objects <= rows && counted.length <= TENANTS_A_PART;
      let file = 0;
      let group: Slice[] = [];
      let sum = 0;
      const name = () =>
        whole ? `${this.#schema.class}.parquet` : `${this.#schema.class}/${numbered(file++)}.parquet`;
      for (const slice of counted) {
        const full = sum + slice.expected > rows || group.length >= TENANTS_A_PART;
        if (full && group.length > 0) {
          yield this.#part(group, name(), whole);
          group = [];
          sum = 0;
        }
        if (slice.expected <= rows) {
          group.push(slice);
          sum += slice.expected;
        } else {
          const pieces = splitRange({}, Math.ceil(slice.expected / rows));
          const expected = Math.ceil(slice.expected / pieces.length);
          for (const range of pieces) yield this.#part([{ ...slice, ...range, expected }], name(), whole);
        }
      }
      if (group.length > 0 || whole) yield this.#part(group, name(), whole);
    }
    for (let at = 0; at < skipped.length; at += TENANTS_A_PART) {
      yield this.#skippedPart(skipped.slice(at, at + TENANTS_A_PART));
    }
    const there = new Set(all.map((tenant) => tenant.name));
    const gone = this.#earlierTenants.filter((tenant) => wanted(tenant) && !there.has(tenant));
    for (let at = 0; at < gone.length; at += TENANTS_A_PART) {
      const slices = gone
        .slice(at, at + TENANTS_A_PART)
        .map((tenant): Slice => ({ tenant, expected: 0, gone: true }));
      yield this.#part(
        slices,
        `${this.#schema.class}/tenants-${numbered(at / TENANTS_A_PART)}.parquet`,
        false,
      );
    }
  }

  *#ranges(slice: Slice | undefined, objects: number, rows: number, name: string): Generator<Part> {
    const ranges = splitRange({}, Math.max(1, Math.ceil(objects / rows)));
    const expected = Math.ceil(objects / ranges.length);
    const single = ranges.length === 1;
    for (const [i, range] of ranges.entries()) {
      const file = single ? `${name}.parquet` : `${name}/${numbered(i)}.parquet`;
      yield this.#part([{ ...slice, ...range, expected }], file, single, slice?.tenant);
    }
  }

  #part(slices: Slice[], file: string, single: boolean, tenant?: string): Part {
    const body: ExportPartBody = {
      class: this.#index,
      slices,
      file,
      ...(tenant === undefined ? {} : { tenant }),
      // Weaviate itself writes no file for an empty class; a typed file without rows still has the schema.
      evenEmpty:
        single && tenant === undefined && this.#spec.layout === 'typed' && this.#spec.since === undefined,
      skip: [],
    };
    const plannedObjects = slices.reduce((sum, slice) => sum + slice.expected, 0);
    return { id: this.#id(), stage: 0, label: file, body, counts: { plannedObjects } };
  }

  #skippedPart(skip: ExportPartBody['skip']): Part {
    const body: ExportPartBody = { class: this.#index, slices: [], file: '', evenEmpty: false, skip };
    const label = `${this.#schema.class}: ${skip.length} ${skip.length === 1 ? 'tenant' : 'tenants'} not read`;
    return { id: this.#id(), stage: 0, label, body };
  }

  #id(): string {
    return `${numbered(this.#index)}-${String(this.#parts++).padStart(8, '0')}`;
  }

  /** Tenants as slices, with counts where the server gives them. */
  async #count(tenants: { tenant: Tenant; putBack?: string }[]): Promise<Slice[]> {
    const limiter = new Limiter(8);
    return Promise.all(
      tenants.map(({ tenant, putBack }) =>
        limiter.run(async () => {
          if (putBack !== undefined) return { tenant: tenant.name, expected: 0, putBack };
          const expected = await this.#client
            .count(this.#schema.class, tenant.name, this.#signal)
            .catch((error: unknown) => {
              // Gone or put to sleep since the list was made: reading it tells.
              if (isError(error, 'NOT_FOUND', 'CONFLICT')) return 0;
              throw error;
            });
          return { tenant: tenant.name, expected };
        }),
      ),
    );
  }

  /** Rows of a file: as asked, or as many as its size takes by a look at the first objects. */
  async #fileRows(slice: Slice | undefined): Promise<number> {
    const { fileRows, fileSize, vectors } = this.#spec;
    if (fileSize === undefined || slice?.putBack !== undefined) return fileRows;
    const wanted = propertiesOf(this.#schema, this.#spec);
    const properties = (this.#schema.properties ?? []).filter((property) => wanted.has(property.name));
    const { objects, bytes } = await this.#client.page(
      this.#schema,
      { tenant: slice?.tenant, limit: 20, wanted: { properties, vectors } },
      this.#signal,
    );
    if (objects.length === 0) return fileRows;
    return Math.max(1, Math.min(fileRows, Math.floor(fileSize / (bytes / objects.length))));
  }
}

const SKIP_REASONS: Record<string, string> = {
  COLD: 'inactive (COLD); --activate-tenants reads it',
  INACTIVE: 'inactive (COLD); --activate-tenants reads it',
  FROZEN: 'offloaded; load it onto the server first',
  OFFLOADED: 'offloaded; load it onto the server first',
};

function sortOut(
  tenants: Tenant[],
  activate: boolean,
): { readable: { tenant: Tenant; putBack?: string }[]; skipped: { tenant: string; reason: string }[] } {
  const readable: { tenant: Tenant; putBack?: string }[] = [];
  const skipped: { tenant: string; reason: string }[] = [];
  for (const tenant of tenants) {
    const { activityStatus: state } = tenant;
    if (state === 'HOT' || state === 'ACTIVE') readable.push({ tenant });
    else if (activate && (state === 'COLD' || state === 'INACTIVE'))
      readable.push({ tenant, putBack: state });
    else skipped.push({ tenant: tenant.name, reason: SKIP_REASONS[state] ?? `its state is ${state}` });
  }
  return { readable, skipped };
}
