import { Readable } from 'node:stream';
import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Part } from '../../jobs/part.ts';
import { findObject } from '../../stores/find.ts';
import type { Store } from '../../stores/store.ts';
import { type Layer, openChain } from '../chain.ts';
import { type ClassSchema, isMultiTenant } from '../schema.ts';
import { ClassPlan } from './class-plan.ts';
import { planNative, runNativeExport } from './native.ts';
import {
  METADATA_FILE,
  nameFilter,
  OWN_FOLDER,
  type PinnedClass,
  type PinnedVectors,
  withExport,
} from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';

export const PLAN_FILE = `${OWN_FOLDER}plan.jsonl`;
/**
 * Looks at the server and writes the plan beside the data, a part a line: tenants come and go, and a plan
 * made again must be the same.
 * @throws SluiceError BAD_SPEC (no such class, nothing to export), ALREADY_EXISTS (the id has been used)
 */
export async function prepareExport(spec: VectorExportSpec, context: JobContext): Promise<PinnedVectors> {
  return withExport(spec, context, async ({ client, store, root }) => {
    if (await findObject(store, `${root}${METADATA_FILE}`)) {
      throw new SluiceError(
        'ALREADY_EXISTS',
        `There is an export "${spec.id}" in ${spec.destination} already; choose another id.`,
      );
    }
    const earlier = spec.since === undefined ? [] : await openChain(context.open, spec.since, context.signal);
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
        const planned = new ClassPlan(
          client,
          schema,
          spec,
          classes.length,
          tenantsOf(earlier, schema.class),
          context.signal,
        );
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
  if (schemas.length === 0) {
    throw new SluiceError(
      'BAD_SPEC',
      'The server shows no class to these credentials: it has none, or they may read none.',
    );
  }
  if (chosen.length === 0) throw new SluiceError('BAD_SPEC', 'There is no class left to export.');
  return chosen;
}

/** All tenants that the earlier exports name; of those that were gone before, no object is left in them. */
function tenantsOf(chain: readonly Layer[], className: string): string[] {
  const names = chain.flatMap((layer) => Object.keys(layer.metadata.shardStatus[className] ?? {}));
  return [...new Set(names)].sort();
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
