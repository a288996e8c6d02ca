import { createServer, type IncomingMessage, type Server } from 'node:http';
import { isError, SluiceError } from '../../base/errors.ts';
import { readAll } from '../../stores/read.ts';
import {
  floatBytes,
  floatsOf,
  fromBeacon,
  referencesOf,
  toBeacon,
  type VectorObject,
} from '../../vectors/object.ts';
import type { ClassSchema, PropertySchema } from '../../vectors/schema.ts';
import { invalid, type VectorDatabase } from './database.ts';

interface Call {
  method: string;
  query: URLSearchParams;
  body: unknown;
}

type Handler = (call: Call, ...names: string[]) => unknown;

/** What handlers give for 404 and for 204. */
const MISSING = Symbol('missing');
const NOTHING = Symbol('nothing');

/** Weaviate's HTTP API, as far as Sluice and a person with curl need it. */
export async function serveRest(
  database: VectorDatabase,
  options: { apiKey?: string | undefined; version: string },
): Promise<{ port: number; stop(): void }> {
  const routes = routesOf(database, options.version);
  const server: Server = createServer((request, response) => {
    const send = (status: number, value?: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(value === undefined ? undefined : JSON.stringify(value));
    };
    answer(routes, options.apiKey, request).then(
      (value) => {
        if (value === MISSING) send(404);
        else if (value === NOTHING) send(204);
        else send(200, value);
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        const status = isError(error, 'UNAUTHENTICATED') ? 401 : isError(error) ? 422 : 500;
        send(status, { error: [{ message }] });
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  routes: readonly (readonly [string, RegExp, Handler])[],
  apiKey: string | undefined,
  request: IncomingMessage,
): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const open = url.pathname.startsWith('/v1/.well-known/');
  if (apiKey !== undefined && !open && request.headers.authorization !== `Bearer ${apiKey}`) {
    throw new SluiceError('UNAUTHENTICATED', 'anonymous access not enabled, please provide an api key');
  }
  const text = (await readAll(request)).toString();
  for (const [method, pattern, handler] of routes) {
    const match = pattern.exec(url.pathname);
    if (!match || method !== request.method) continue;
    const names = match.slice(1).map(decodeURIComponent);
    return handler(
      { method, query: url.searchParams, body: text === '' ? undefined : JSON.parse(text) },
      ...names,
    );
  }
  return MISSING;
}

function routesOf(database: VectorDatabase, version: string): (readonly [string, RegExp, Handler])[] {
  const found = (name: string): ClassSchema | symbol => database.schema(name) ?? MISSING;
  const tenantOf = (call: Call): string | undefined => call.query.get('tenant') ?? undefined;
  return [
    ['GET', /^\/v1\/\.well-known\/(?:ready|live)$/, () => ({})],
    ['GET', /^\/v1\/meta$/, () => ({ hostname: 'http://[::]:8080', modules: {}, version })],
    ['GET', /^\/v1\/nodes$/, () => ({ nodes: [{ name: 'node1', status: 'HEALTHY', version }] })],
    ['GET', /^\/v1\/schema$/, () => ({ classes: database.schemas() })],
    ['POST', /^\/v1\/schema$/, ({ body }) => database.createClass(body as ClassSchema)],
    ['GET', /^\/v1\/schema\/([^/]+)$/, (_, name) => found(name!)],
    ['DELETE', /^\/v1\/schema\/([^/]+)$/, (_, name) => database.deleteClass(name!) ?? {}],
    [
      'POST',
      /^\/v1\/schema\/([^/]+)\/properties$/,
      ({ body }, name) => {
        database.addProperty(name!, body as PropertySchema);
        return body;
      },
    ],
    ['GET', /^\/v1\/schema\/([^/]+)\/shards$/, (_, name) => [{ name: `${name}Shard`, status: 'READY' }]],
    ['GET', /^\/v1\/schema\/([^/]+)\/tenants$/, (_, name) => database.tenants(name!)],
    [
      'GET',
      /^\/v1\/schema\/([^/]+)\/tenants\/([^/]+)$/,
      (_, name, tenant) =>
        !database.schema(name!)
          ? MISSING
          : (database.tenants(name!).find((each) => each.name === tenant) ?? MISSING),
    ],
    ...['POST', 'PUT'].map(
      (method) =>
        [
          method,
          /^\/v1\/schema\/([^/]+)\/tenants$/,
          ({ body }: Call, name?: string) => {
            database.putTenants(name!, body as { name: string }[]);
            return body;
          },
        ] as const,
    ),
    [
      'DELETE',
      /^\/v1\/schema\/([^/]+)\/tenants$/,
      ({ body }, name) => database.deleteTenants(name!, body as string[]) ?? {},
    ],
    ['POST', /^\/v1\/graphql$/, ({ body }) => graphql(database, (body as { query: string }).query)],
    [
      'GET',
      /^\/v1\/objects$/,
      (call) => {
        const name = call.query.get('class') ?? '';
        const after = call.query.get('after') || undefined;
        const objects = database
          .shard(name, tenantOf(call))
          .after(after, Number(call.query.get('limit') ?? 25));
        return {
          objects: objects.map((object) => toRest(name, object, call.query.get('include') === 'vector')),
        };
      },
    ],
    [
      'POST',
      /^\/v1\/objects$/,
      ({ body }) => {
        const { class: name, tenant, ...rest } = body as RestBody;
        database.put(name, tenant, fromRest(rest));
        return body;
      },
    ],
    [
      'GET',
      /^\/v1\/objects\/([^/]+)\/([^/]+)$/,
      (call, name, id) => {
        const object = database.shard(name!, tenantOf(call)).get(id!);
        return object ? toRest(name!, object, call.query.get('include') === 'vector') : MISSING;
      },
    ],
    [
      'DELETE',
      /^\/v1\/objects\/([^/]+)\/([^/]+)$/,
      (call, name, id) => (database.shard(name!, tenantOf(call)).delete(id!) ? NOTHING : MISSING),
    ],
    [
      'PUT',
      /^\/v1\/objects\/([^/]+)\/([^/]+)\/references\/([^/]+)$/,
      (call, name, id, property) => {
        const object = database.shard(name!, tenantOf(call)).get(id!);
        if (!object) return MISSING;
        const references = (call.body as { beacon: string }[]).map(({ beacon }) => fromBeacon(beacon));
        for (const each of references) {
          if (!each) throw invalid('validate reference: invalid beacon');
          if (!database.hasObject(each.id, each.className)) {
            throw invalid(`validate reference: no object with id ${each.id} found`);
          }
        }
        const own = { ...object.references, [property!]: references.map((each) => each!) };
        database.put(name!, tenantOf(call), { ...object, references: own });
        return {};
      },
    ],
  ];
}

/** The one query that Sluice asks: a count. */
function graphql(database: VectorDatabase, query: string): object {
  const match = /^\{Aggregate\{(\w+)(?:\((.*?)\))?\{/.exec(query.replace(/\s+/g, ' '));
  if (!match) return { errors: [{ message: `Syntax Error: ${query}` }] };
  const [, name = '', given = ''] = match;
  try {
    const shard = database.shard(name, /tenant: ?"([^"]*)"/.exec(given)?.[1]);
    return { data: { Aggregate: { [name]: [{ meta: { count: shard.size } }] } } };
  } catch (error) {
    if (!isError(error)) throw error;
    const unknown = `Cannot query field "${name}" on type "AggregateObjectsObj".`;
    return { errors: [{ message: error.code === 'NOT_FOUND' ? unknown : error.message }] };
  }
}

interface RestBody {
  class: string;
  tenant?: string;
  id: string;
  properties?: Record<string, unknown>;
  vector?: number[];
  vectors?: Record<string, number[] | number[][]>;
}

function fromRest({
  id,
  properties = {},
  vector,
  vectors = {},
}: Omit<RestBody, 'class' | 'tenant'>): VectorObject {
  const object: VectorObject = { id: id.toLowerCase(), created: 0, updated: 0, properties: {} };
  if (vector) object.vector = floatBytes(vector);
  for (const [name, value] of Object.entries(vectors)) {
    if (Array.isArray(value[0])) {
      const list = (value as number[][]).map((each) => floatBytes(each));
      object.multiVectors = { ...object.multiVectors, [name]: list };
    } else object.vectors = { ...object.vectors, [name]: floatBytes(value as number[]) };
  }
  for (const [name, value] of Object.entries(properties)) {
    const references = referencesOf(value);
    if (references) object.references = { ...object.references, [name]: references };
    else object.properties[name] = value;
  }
  return object;
}

function toRest(className: string, object: VectorObject, withVectors: boolean): object {
  const references = Object.entries(object.references ?? {}).map(([name, list]) => [
    name,
    list.map((each) => ({ beacon: toBeacon(each) })),
  ]);
  const numbers = (bytes: Uint8Array): number[] => [...floatsOf(bytes)];
  const named = [
    ...Object.entries(object.vectors ?? {}).map(([name, bytes]) => [name, numbers(bytes)]),
    ...Object.entries(object.multiVectors ?? {}).map(([name, list]) => [name, list.map(numbers)]),
  ];
  return {
    class: className,
    id: object.id,
    creationTimeUnix: object.created,
    lastUpdateTimeUnix: object.updated,
    properties: { ...object.properties, ...Object.fromEntries(references) },
    ...(withVectors && object.vector ? { vector: numbers(object.vector) } : {}),
    ...(withVectors && named.length > 0 ? { vectors: Object.fromEntries(named) } : {}),
  };
}
