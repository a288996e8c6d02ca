import { isError } from '../../base/errors.ts';
import { type ClassSchema, isMultiTenant, isReference, type PropertySchema } from '../schema.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import { type PinnedImport, targetSchema } from './pinned.ts';
import type { ExportMetadata } from './prepare.ts';
import { makeNamedTenants } from './tenants.ts';

/** Makes the classes and properties that are missing; references when all classes are there. Doing it twice does no harm. */
export async function makeClasses(
  pinned: PinnedImport,
  client: WeaviateClient,
  metadata: ExportMetadata | undefined,
  signal: AbortSignal,
): Promise<number> {
  let made = 0;
  const there = new Map((await client.classes(signal)).map((schema) => [schema.class, schema]));
  for (const [index, { create }] of pinned.classes.entries()) {
    const schema = targetSchema(pinned, index);
    if (!create || there.has(schema.class)) continue;
    const properties = (schema.properties ?? []).filter((property) => !isReference(property));
    await createClass(client, { ...schema, properties }, signal);
    there.set(schema.class, { ...schema, properties });
    made++;
  }
  for (const [index, { create, missing }] of pinned.classes.entries()) {
    const schema = targetSchema(pinned, index);
    const now = new Set(there.get(schema.class)?.properties?.map((property) => property.name));
    const wanted = create ? (schema.properties ?? []) : (missing as unknown as PropertySchema[]);
    for (const property of wanted) {
      if (!now.has(property.name)) await client.addProperty(schema.class, property, signal);
    }
  }
  for (const [index, { name }] of pinned.classes.entries()) {
    const schema = targetSchema(pinned, index);
    if (!isMultiTenant(schema)) continue;
    await makeNamedTenants(client, schema.class, metadata?.shardStatus?.[name], signal);
  }
  return made;
}

/** A cluster smaller than the one the class came from cannot keep as many replicas. */
async function createClass(client: WeaviateClient, schema: ClassSchema, signal: AbortSignal): Promise<void> {
  try {
    await client.createClass(schema, signal);
  } catch (error) {
    const replication = schema.replicationConfig as { factor?: number } | undefined;
    const tooMany = isError(error, 'BAD_SPEC', 'UNAVAILABLE') && /replica|factor/i.test(error.message);
    if (!tooMany || (replication?.factor ?? 1) <= 1) throw error;
    const factor = Math.min(replication!.factor!, await client.nodes(signal));
    await client.createClass({ ...schema, replicationConfig: { ...replication, factor } }, signal);
  }
}
