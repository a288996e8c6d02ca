import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { SluiceError } from '../../base/errors.ts';
import { canonicalJson, type Json } from '../../base/json.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Part } from '../../jobs/part.ts';
import { findObject } from '../../stores/find.ts';
import type { Store } from '../../stores/store.ts';
import { type ExportColumns, type ExportMetadata, type Layer, openChain } from '../chain.ts';
import { type ClassSchema, isMultiTenant } from '../schema.ts';
import { ClassPlan } from './class-plan.ts';
import { planNative, runNativeExport } from './native.ts';
import {
  columnsOf,
  METADATA_FILE,
  nameFilter,
  OWN_FOLDER,
  type PinnedClass,
  type PinnedVectors,
  withExport,
} from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';

/**
 * Looks at the server and writes the plan beside the data, a part a line: tenants come and go, and a plan
 * made again must be the same.
 * @throws SluiceError BAD_SPEC (no such class, nothing to export), ALREADY_EXISTS (the id has been used)
 */
export async function prepareExport(spec: VectorExportSpec, context: JobContext): Promise<PinnedVectors> {
  return withExport(spec, context, async ({ client, store, root }) => {
    if (await findObject(store, `${root}${METADATA_FILE}`)) throw exportExists(spec);
    const earlier = spec.since === undefined ? [] : await openChain(context.open, spec.since, context.signal);
    for (const { metadata } of earlier) refuseOtherColumns(spec, metadata);
    const version = await client.version(context.signal);
    const startedAt = await client.clock(context.signal);
    const schemas = chooseClasses(await client.classes(context.signal), spec);
    const classes: PinnedClass[] = [];
    if (spec.native) {
      const names = schemas.map((schema) => schema.class);
      await runNativeExport(client, spec, names, context);
    }
    const plan = `${OWN_FOLDER}plan-${randomUUID().slice(0, 8)}.jsonl`;
    const tenants: string[] = [];
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
        tenants.push(...planned.tenants);
      }
      if (classes.some((each) => each.multiTenant)) refuseUnknownTenants(spec, tenants);
      if (spec.native) {
        for await (const part of planNative(spec, schemas, context)) yield `${JSON.stringify(part)}\n`;
      }
    };
    await store.put(root + plan, Readable.from(write(), { objectMode: false }), {
      contentType: 'application/jsonl',
      signal: context.signal,
    });
    return { spec, version, startedAt, plan, classes };
  });
}

export function exportExists({ id, destination }: VectorExportSpec): SluiceError {
  return new SluiceError(
    'ALREADY_EXISTS',
    `There is an export "${id}" in ${destination} already; choose another id.`,
  );
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

/**
 * What did not change stays as the earlier export has it, so both must take the same of an object.
 * @throws SluiceError BAD_SPEC
 */
function refuseOtherColumns(spec: VectorExportSpec, { id, columns }: ExportMetadata): void {
  const wanted = columnsOf(spec);
  if (columns === undefined || canonicalJson(columns) === canonicalJson(wanted)) return;
  const said = ({ vectors, properties }: ExportColumns): string =>
    `${properties === undefined ? 'all properties' : `the properties ${properties.join(', ')}`} ${vectors ? 'with' : 'without'} vectors`;
  throw new SluiceError(
    'BAD_SPEC',
    `The export "${id}" has ${said(columns)}, and ${said(wanted)} are asked for now: of objects that did not change, only the former would be there. Ask for the same, or export everything again without --since.`,
  );
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

/** @throws SluiceError BAD_SPEC for a glob that takes no tenant: a name is easily misspelled */
function refuseUnknownTenants(spec: VectorExportSpec, tenants: readonly string[]): void {
  if (spec.native) return;
  for (const glob of spec.tenants ?? []) {
    if (tenants.some(nameFilter([glob]))) continue;
    const some = [...new Set(tenants)].slice(0, 20).join(', ') || 'none';
    throw new SluiceError('BAD_SPEC', `No tenant matches "${glob}" (there are: ${some}).`);
  }
}

/** All tenants that the earlier exports name; of those that were gone before, no object is left in them. */
function tenantsOf(chain: readonly Layer[], className: string): string[] {
  const names = chain.flatMap((layer) => Object.keys(layer.metadata.shardStatus[className] ?? {}));
  return [...new Set(names)].sort();
}

/** The plan as it was written, after a part's id where one is given. */
export async function* readPlan(
  store: Store,
  key: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Part[]> {
  const { body } = await store.get(key, { signal });
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
