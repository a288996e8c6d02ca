import { sampleObjects, sampleSchemas, sampleTenants } from '../../../src/demo/vectors/sample.ts';
import { toBatchObject } from '../../../src/vectors/import/batch-object.ts';
import { floatBytes, toBeacon, type VectorObject } from '../../../src/vectors/object.ts';
import type { ClassSchema } from '../../../src/vectors/schema.ts';
import { WeaviateClient } from '../../../src/vectors/weaviate/client.ts';
import { parseWeaviateConnection } from '../../../src/vectors/weaviate/connection.ts';

export function clientOf(server: { url: string; grpc: string }): WeaviateClient {
  const { url, grpc } = server;
  return new WeaviateClient(parseWeaviateConnection({ name: 'test', type: 'weaviate', url, grpc }));
}

/** Puts the sample of the demo into a real server, through its public API. */
export async function fillSample(client: WeaviateClient, articles: number): Promise<void> {
  for (const schema of sampleSchemas) await client.createClass(structuredClone(schema));
  await client.addTenants('Note', Object.keys(sampleTenants));
  const schemas = new Map((await client.classes()).map((schema) => [schema.class, schema]));
  const all = [...sampleObjects(articles)];
  for (const { class: name, tenant, object } of all) {
    await put(client, schemas.get(name)!, [object], tenant);
  }
  for (const { class: name, tenant, object } of all) {
    for (const [property, references] of Object.entries(object.references ?? {})) {
      const beacons = references.map((each) => ({ beacon: toBeacon(each) }));
      await client.setReferences(name, object.id, property, beacons, tenant);
    }
  }
  const states = Object.entries(sampleTenants).map(([name, activityStatus]) => ({ name, activityStatus }));
  await client.setTenants(
    'Note',
    states.filter((tenant) => tenant.activityStatus !== 'HOT'),
  );
}

export async function put(
  client: WeaviateClient,
  schema: ClassSchema,
  objects: VectorObject[],
  tenant?: string,
): Promise<void> {
  const refused = await client.insert(objects.map((object) => toBatchObject(schema, object, tenant, false)));
  if (refused.length > 0) throw new Error(refused[0]!.error);
}

const plainSchema = (name: string): ClassSchema => ({
  class: name,
  vectorizer: 'none',
  vectorIndexType: 'flat',
  properties: [
    { name: 'title', dataType: ['text'] },
    { name: 'number', dataType: ['int'] },
  ],
});

/** A class of many small objects, UUIDs spread evenly. */
export async function fillMany(client: WeaviateClient, name: string, count: number): Promise<void> {
  await client.createClass(plainSchema(name));
  const schema = (await client.classNamed(name))!;
  for (let from = 0; from < count; from += 1000) {
    const objects = Array.from({ length: Math.min(1000, count - from) }, (_, i) => manyObject(from + i));
    await put(client, schema, objects);
  }
}

export function manyObject(number: number): VectorObject {
  const hex = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  const id = `${hex.toString(16).padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
  const vector = floatBytes(Array.from({ length: 32 }, (_, i) => Math.fround(Math.sin(number + i))));
  return { id, created: 0, updated: 0, vector, properties: { title: `Object ${number}`, number } };
}
