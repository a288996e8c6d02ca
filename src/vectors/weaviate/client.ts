import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { type RetryPolicy, retry } from '../../stores/retry.ts';
import { floatBytes, referencesOf, type VectorObject } from '../object.ts';
import { baseType, type ClassSchema, isReference, type PropertySchema, vectorNames } from '../schema.ts';
import type { WeaviateConnection } from './connection.ts';
import { WeaviateGrpc } from './grpc.ts';
import {
  AggregateReply,
  AggregateRequest,
  BatchObjectsReply,
  BatchObjectsRequest,
  SearchRequest,
} from './messages.ts';
import { decode, encode, type Fields } from './protobuf.ts';
import { WeaviateRest } from './rest.ts';
import { readSearchReply } from './search-reply.ts';
import { SignIn } from './sign-in.ts';

export interface Tenant {
  name: string;
  /** HOT, COLD, FROZEN, …; newer servers say ACTIVE, INACTIVE, OFFLOADED. */
  activityStatus: string;
}

/** What of each object is read. */
export interface Wanted {
  /** Property names; undefined: none. References are not among them. */
  properties: PropertySchema[];
  /** The class's vector and these named ones. */
  vectors: boolean;
}

/** One Weaviate, by its public API. Every method tries again what can be tried again. */
export class WeaviateClient {
  readonly url: string;
  readonly rest: WeaviateRest;
  readonly #grpc: WeaviateGrpc;
  readonly #policy: RetryPolicy | undefined;
  /** Whether the server counts by gRPC. */
  #aggregates = true;

  constructor(connection: WeaviateConnection, policy?: RetryPolicy) {
    this.url = connection.url;
    const signIn = new SignIn(connection);
    this.rest = new WeaviateRest(connection, policy, signIn);
    this.#grpc = new WeaviateGrpc(connection, policy, signIn);
    this.#policy = policy;
  }

  async version(signal?: AbortSignal): Promise<string> {
    const meta = await this.rest.call<{ version?: string }>('GET', '/meta', { signal });
    if (!meta?.version) {
      throw new SluiceError('PROTOCOL', `${this.url} does not answer as a Weaviate does; is the URL right?`);
    }
    return meta.version;
  }

  /** The server's clock, milliseconds since 1970; to the second, rounded down. */
  async clock(signal?: AbortSignal): Promise<number> {
    return this.rest.clock(signal);
  }

  async classes(signal?: AbortSignal): Promise<ClassSchema[]> {
    const schema = await this.rest.call<{ classes?: ClassSchema[] }>('GET', '/schema', { signal });
    return (schema.classes ?? []).sort((a, b) => (a.class < b.class ? -1 : 1));
  }

  /** @returns undefined when there is no such class */
  async classNamed(name: string, signal?: AbortSignal): Promise<ClassSchema | undefined> {
    return this.rest.call('GET', `/schema/${encodeURIComponent(name)}`, { signal, missing: 'undefined' });
  }

  /** By name. */
  async tenants(className: string, signal?: AbortSignal): Promise<Tenant[]> {
    const path = `/schema/${encodeURIComponent(className)}/tenants`;
    const tenants = await this.rest.call<Tenant[]>('GET', path, { signal });
    return tenants.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @returns undefined when there is no such tenant (or class) */
  async tenantState(className: string, tenant: string, signal?: AbortSignal): Promise<string | undefined> {
    const path = `/schema/${encodeURIComponent(className)}/tenants/${encodeURIComponent(tenant)}`;
    const found = await this.rest.call<Tenant | undefined>('GET', path, { signal, missing: 'undefined' });
    return found?.activityStatus;
  }

  async setTenants(className: string, tenants: Tenant[], signal?: AbortSignal): Promise<void> {
    const path = `/schema/${encodeURIComponent(className)}/tenants`;
    await this.rest.call('PUT', path, { signal, body: tenants as unknown as Json });
  }

  async addTenants(className: string, names: string[], signal?: AbortSignal): Promise<void> {
    const path = `/schema/${encodeURIComponent(className)}/tenants`;
    await this.rest.call('POST', path, { signal, body: names.map((name) => ({ name })) });
  }

  async createClass(schema: ClassSchema, signal?: AbortSignal): Promise<void> {
    await this.rest.call('POST', '/schema', { signal, body: schema as unknown as Json });
  }

  async addProperty(className: string, property: PropertySchema, signal?: AbortSignal): Promise<void> {
    const path = `/schema/${encodeURIComponent(className)}/properties`;
    await this.rest.call('POST', path, { signal, body: property as unknown as Json });
  }

  /** Replaces the references of one property. @throws BAD_SPEC when a target is not there */
  async setReferences(
    className: string,
    id: string,
    property: string,
    beacons: { beacon: string }[],
    tenant: string | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = `/objects/${encodeURIComponent(className)}/${id}/references/${encodeURIComponent(property)}`;
    await this.rest.call('PUT', path, { signal, query: { tenant }, body: beacons });
  }

  /** How many servers the cluster has. */
  async nodes(signal?: AbortSignal): Promise<number> {
    const { nodes = [] } = await this.rest.call<{ nodes?: unknown[] }>('GET', '/nodes', { signal });
    return Math.max(1, nodes.length);
  }

  /** Names of the class's shards. */
  async shards(className: string, signal?: AbortSignal): Promise<string[]> {
    const path = `/schema/${encodeURIComponent(className)}/shards`;
    const shards = await this.rest.call<{ name: string }[]>('GET', path, { signal });
    return shards.map((shard) => shard.name).sort();
  }

  /**
   * Objects by shard, of the shards that are on a node that answers: as the nodes say, which lags behind
   * writes; of a replicated shard the largest count.
   */
  async shardCounts(className: string, signal?: AbortSignal): Promise<Record<string, number>> {
    const path = `/nodes/${encodeURIComponent(className)}`;
    const query = { output: 'verbose' };
    const { nodes = [] } = await this.rest.call<{ nodes?: NodeStatus[] }>('GET', path, { signal, query });
    const counts: Record<string, number> = {};
    for (const { status, shards } of nodes) {
      if (status !== 'HEALTHY') continue;
      for (const { name, objectCount = 0 } of shards ?? []) {
        counts[name] = Math.max(counts[name] ?? 0, objectCount);
      }
    }
    return counts;
  }

  /** Objects now. */
  async count(className: string, tenant?: string, signal?: AbortSignal): Promise<number> {
    if (this.#aggregates) {
      try {
        const request = encode(AggregateRequest, { collection: className, tenant, objectsCount: true });
        const reply = decode(AggregateReply, await this.#grpc.call('Aggregate', request, { signal }));
        return Number((reply.singleResult as Fields | undefined)?.objectsCount ?? 0);
      } catch (error) {
        if (!isError(error, 'UNSUPPORTED')) throw error;
        this.#aggregates = false;
      }
    }
    return this.#countByGraphql(className, tenant, signal);
  }

  /** Of servers before 1.29; GraphQL asks for the right to read all classes. */
  async #countByGraphql(className: string, tenant?: string, signal?: AbortSignal): Promise<number> {
    const argument = tenant === undefined ? '' : `(tenant: ${JSON.stringify(tenant)})`;
    const reply = await this.#graphql<{ Aggregate?: Record<string, { meta?: { count?: number } }[]> }>(
      `{Aggregate{${className}${argument}{meta{count}}}}`,
      `count ${className}${tenant === undefined ? '' : ` of tenant ${tenant}`}`,
      className,
      signal,
    );
    return reply.Aggregate?.[className]?.[0]?.meta?.count ?? 0;
  }

  /**
   * The ids of the objects that were updated last, newest first.
   * @param limit at most the server's QUERY_MAXIMUM_RESULTS, 10,000
   */
  async newest(
    className: string,
    query: { tenant?: string | undefined; limit: number },
    signal?: AbortSignal,
  ): Promise<{ id: string; updated: number }[]> {
    const request = encode(SearchRequest, {
      collection: className,
      tenant: query.tenant,
      limit: query.limit,
      sortBy: [{ ascending: false, path: ['_lastUpdateTimeUnix'] }],
      properties: {},
      metadata: { uuid: true, lastUpdateTimeUnix: true },
      ...API,
    });
    const objects = readSearchReply(await this.#grpc.call('Search', request, { signal }));
    return objects.map(({ id, updated }) => ({ id, updated }));
  }

  /**
   * The next objects after a UUID, in UUID order.
   * @param after undefined: from the first one; it need not exist
   * @throws TOO_LARGE when the objects together exceed a message
   */
  async page(
    schema: ClassSchema,
    query: { tenant?: string | undefined; after?: string | undefined; limit: number; wanted: Wanted },
    signal?: AbortSignal,
  ): Promise<{ objects: VectorObject[]; bytes: number }> {
    const { tenant, after, limit, wanted } = query;
    const request = encode(SearchRequest, {
      collection: schema.class,
      tenant,
      limit,
      // An empty `after` asks for no order; the lowest UUID does.
      after: after ?? FIRST,
      properties: propertiesRequest(wanted.properties),
      metadata: {
        uuid: true,
        creationTimeUnix: true,
        lastUpdateTimeUnix: true,
        ...(wanted.vectors ? { vector: true, vectors: vectorNames(schema) } : {}),
      },
      ...API,
    });
    const reply = await this.#grpc.call('Search', request, { signal });
    return { objects: readSearchReply(reply), bytes: reply.length };
  }

  /** Like `page` by REST: all properties and references, no vectors. */
  async restPage(
    className: string,
    query: { tenant?: string | undefined; after?: string | undefined; limit: number },
    signal?: AbortSignal,
  ): Promise<VectorObject[]> {
    const reply = await this.rest.call<{ objects?: RestObject[] }>('GET', '/objects', {
      signal,
      query: { class: className, limit: query.limit, after: query.after ?? FIRST, tenant: query.tenant },
    });
    return (reply.objects ?? []).map(fromRest);
  }

  /** One object, with everything. @returns undefined when it is not there */
  async object(
    className: string,
    id: string,
    tenant?: string,
    signal?: AbortSignal,
  ): Promise<VectorObject | undefined> {
    const found = await this.rest.call<RestObject | undefined>(
      'GET',
      `/objects/${encodeURIComponent(className)}/${id}`,
      { signal, query: { include: 'vector', tenant }, missing: 'undefined' },
    );
    return found && fromRest(found);
  }

  /**
   * Writes objects; those that are there are replaced.
   * @param objects BatchObject messages (messages.ts)
   * @returns what was refused: the object's place in the list, and why
   */
  async insert(objects: Fields[], signal?: AbortSignal): Promise<{ index: number; error: string }[]> {
    const bytes = await this.#grpc.call('BatchObjects', encode(BatchObjectsRequest, { objects }), {
      signal,
      timeout: 300_000,
    });
    const reply = decode(BatchObjectsReply, bytes) as { errors: { index?: number; error?: string }[] };
    return reply.errors.map(({ index = 0, error = 'refused' }) => ({ index, error }));
  }

  /** GraphQL's own schema lags behind that of REST, so a class that is not in it yet is asked for again. */
  async #graphql<T>(
    query: string,
    what: string,
    className: string,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return retry(
      async () => {
        const reply = await this.rest.call<{ data?: T; errors?: { message: string }[] }>('POST', '/graphql', {
          signal,
          body: { query },
        });
        if (!reply.errors?.length) return reply.data ?? ({} as T);
        const said = reply.errors.map((each) => each.message).join('; ');
        const unknown = /cannot query field/i.test(said);
        const there = unknown && (await this.classNamed(className, signal)) !== undefined;
        const code = /not active/i.test(said)
          ? 'CONFLICT'
          : there
            ? 'UNAVAILABLE'
            : unknown || /not found/i.test(said)
              ? 'NOT_FOUND'
              : 'PROTOCOL';
        throw new SluiceError(code, `Weaviate cannot ${what}: ${said}`);
      },
      { signal, ...(this.#policy ? { policy: this.#policy } : {}) },
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.rest.close(), this.#grpc.close()]);
  }
}

interface NodeStatus {
  status?: string;
  shards?: { name: string; objectCount?: number }[] | null;
}

/** Asks for replies in the form of 1.27. */
const API = { uses123Api: true, uses125Api: true, uses127Api: true };

/** Searches after this UUID begin with the first object (the null UUID itself is no object's). */
const FIRST = '00000000-0000-0000-0000-000000000000';

/** By name, as the shorthand for all properties leaves blobs out. */
function propertiesRequest(properties: readonly PropertySchema[]): Fields {
  const own = properties.filter((property) => !isReference(property));
  const isObject = (property: PropertySchema) => baseType(property).type === 'object';
  const nested = (property: PropertySchema): Fields => ({
    propName: property.name,
    primitiveProperties: (property.nestedProperties ?? [])
      .filter((each) => !isObject(each))
      .map((each) => each.name),
    objectProperties: (property.nestedProperties ?? []).filter(isObject).map(nested),
  });
  return {
    nonRefProperties: own.filter((property) => !isObject(property)).map((property) => property.name),
    objectProperties: own.filter(isObject).map(nested),
  };
}

interface RestObject {
  id: string;
  creationTimeUnix?: number;
  lastUpdateTimeUnix?: number;
  vector?: number[];
  vectors?: Record<string, number[] | number[][]>;
  properties?: Record<string, unknown>;
}

function fromRest(found: RestObject): VectorObject {
  const object: VectorObject = {
    id: found.id,
    created: found.creationTimeUnix ?? 0,
    updated: found.lastUpdateTimeUnix ?? 0,
    properties: {},
  };
  if (found.vector && found.vector.length > 0) object.vector = floatBytes(found.vector);
  for (const [name, vector] of Object.entries(found.vectors ?? {})) {
    if (vector.length === 0) continue;
    if (Array.isArray(vector[0])) {
      object.multiVectors ??= {};
      object.multiVectors[name] = (vector as number[][]).map(floatBytes);
    } else {
      object.vectors ??= {};
      object.vectors[name] = floatBytes(vector as number[]);
    }
  }
  for (const [name, value] of Object.entries(found.properties ?? {})) {
    const references = referencesOf(value);
    if (references) {
      object.references ??= {};
      object.references[name] = references;
    } else if (value !== null) object.properties[name] = value;
  }
  return object;
}
