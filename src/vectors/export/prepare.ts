import { Readable } from 'node:stream';
import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { Limiter } from '../../base/limiter.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Part } from '../../jobs/part.ts';
import type { Store } from '../../stores/store.ts';
import { openChain } from '../chain.ts';
import { type ClassSchema, isMultiTenant } from '../schema.ts';
import { splitRange } from '../uuid.ts';
import type { Tenant, WeaviateClient } from '../weaviate/client.ts';
import { planNative, runNativeExport } from './native.ts';
import {
  type ExportPartBody,
  METADATA_FILE,
  nameFilter,
  OWN_FOLDER,
  type PinnedClass,
  type PinnedVectors,
  propertiesOf,
  type Slice,
  withExport,
} from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';

export const PLAN_FILE = `${OWN_FOLDER}plan.jsonl`;
/** Most tenants that one part names. */
const TENANTS_A_PART = 500;

/**
 * Looks at the server and writes the plan beside the data, a part a line: tenants come and go, and a plan
 * made again must be the same.
 * @throws SluiceError BAD_SPEC (no such class, nothing to export), ALREADY_EXISTS (the id has been used)
 */
export async function prepareExport(spec: VectorExportSpec, context: JobContext): Promise<PinnedVectors> {
  return withExport(spec, context, async ({ client, store, root }) => {
    const taken = await store.head(`${root}${METADATA_FILE}`).catch((error: unknown) => {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    });
    if (taken) {
      throw new SluiceError(
        'ALREADY_EXISTS',
        `There is an export "${spec.id}" in ${spec.destination} already; choose another id.`,
      );
    }
    if (spec.since !== undefined) await openChain(context.open, spec.since, context.signal);
    const version = await client.version(context.signal);
    const startedAt = await client.clock(context.signal);
    const schemas = chooseClasses(await client.classes(context.signal), spec);
    const classes: PinnedClass[] = [];
    if (spec.native) {
      const names = schemas.map((schema) => schema.class);
      await runNativeExport(client, spec, names, context);
    }
    const write = async function* (): AsyncGenerator<string> {
      for (const schema of schemas) {
        if (spec.native) {
          classes.push(nativeClass(schema));
          continue;
        }
        const planned = new ClassPlan(client, schema, spec, classes.length, context.signal);
        for await (const part of planned.parts()) yield `${JSON.stringify(part)}\n`;
        classes.push(planned.pinned());
      }
      if (spec.native) {
        for await (const part of planNative(spec, schemas, context)) yield `${JSON.stringify(part)}\n`;
      }
    };
    await store.put(`${root}${PLAN_FILE}`, Readable.from(write(), { objectMode: false }), {
      contentType: 'application/jsonl',
      signal: context.signal,
    });
    return { spec, version, startedAt, classes };
  });
}

function nativeClass(schema: ClassSchema): PinnedClass {
  return {
    name: schema.class,
    schema: schema as unknown as Json,
    multiTenant: isMultiTenant(schema),
    objects: 0,
    shards: [],
  };
}

function chooseClasses(schemas: ClassSchema[], spec: VectorExportSpec): ClassSchema[] {
  const names = schemas.map((schema) => schema.class);
  for (const glob of spec.include) {
    if (names.some(nameFilter([glob]))) continue;
    throw new SluiceError(
      'BAD_SPEC',
      `No class matches "${glob}" (there are: ${names.slice(0, 20).join(', ') || 'none'}).`,
    );
  }
  const included = nameFilter(spec.include.length > 0 ? spec.include : undefined);
  const excluded = nameFilter(spec.exclude);
  const chosen = schemas.filter((schema) => included(schema.class) && !excluded(schema.class));
  if (chosen.length === 0) throw new SluiceError('BAD_SPEC', 'There is no class left to export.');
  return chosen;
}

class ClassPlan {
  readonly #client: WeaviateClient;
  readonly #schema: ClassSchema;
  readonly #spec: VectorExportSpec;
  readonly #index: number;
  readonly #signal: AbortSignal;
  #objects = 0;
  #shards: string[] = [];
  #parts = 0;

  constructor(
    client: WeaviateClient,
    schema: ClassSchema,
    spec: VectorExportSpec,
    index: number,
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#schema = schema;
    this.#spec = spec;
    this.#index = index;
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

  async *parts(): AsyncGenerator<Part> {
    if (isMultiTenant(this.#schema)) yield* this.#ofTenants();
    else {
      this.#shards = await this.#client.shards(this.#schema.class, this.#signal);
      this.#objects = await this.#client.count(this.#schema.class, undefined, this.#signal);
      const rows = await this.#fileRows(undefined);
      yield* this.#ranges(undefined, this.#objects, rows, this.#schema.class);
    }
  }

  async *#ofTenants(): AsyncGenerator<Part> {
    const wanted = nameFilter(this.#spec.tenants);
    const all = await this.#client.tenants(this.#schema.class, this.#signal);
    const { readable, skipped } = sortOut(
      all.filter((tenant) => wanted(tenant.name)),
      this.#spec.activateTenants,
    );
    const counted = await this.#count(readable);
    this.#objects = counted.reduce((sum, slice) => sum + slice.expected, 0);
    const rows = counted.length === 0 ? this.#spec.fileRows : await this.#fileRows(counted[0]);

    if (this.#spec.partitionBy === 'tenant') {
      for (const slice of counted) {
        const folder =
          this.#spec.layout === 'weaviate'
            ? `${this.#schema.class}_${slice.tenant}`
            : `${this.#schema.class}/tenant=${slice.tenant}/data`;
        yield* this.#ranges(slice, slice.expected, rows, folder);
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

const numbered = (i: number): string => String(i).padStart(5, '0');

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

/** The plan as it was written, after a part's id where one is given. */
export async function* readPlan(
  store: Store,
  root: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Part[]> {
  const { body } = await store.get(`${root}${PLAN_FILE}`, { signal });
  let rest = '';
  let batch: Part[] = [];
  for await (const chunk of body.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const part = JSON.parse(line) as Part;
      if (after === undefined || part.id > after) batch.push(part);
    }
    if (batch.length >= 100) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
