import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { isError } from '../../base/errors.ts';
import {
  AggregateReply,
  AggregateRequest,
  BatchObjectsReply,
  BatchObjectsRequest,
  SearchReply,
  SearchRequest,
} from '../../vectors/weaviate/messages.ts';
import { decode, encode, type Fields } from '../../vectors/weaviate/protobuf.ts';
import { invalid, type VectorDatabase } from './database.ts';
import { fromBatchObject, toSearchResult } from './values.ts';

/** Longest message either way, as Weaviate's default. */
const MAX_MESSAGE = 104_858_000;

export interface GrpcOptions {
  apiKey?: string | undefined;
  /** Bytes of the longest message either way. */
  maxMessage?: number | undefined;
  /** Objects of the longest sorted answer (QUERY_MAXIMUM_RESULTS). */
  maxResults?: number | undefined;
}

/** The methods Search, Aggregate (a count) and BatchObjects of weaviate.v1.Weaviate. @returns the port, and how to stop */
export async function serveGrpc(
  database: VectorDatabase,
  options: GrpcOptions = {},
): Promise<{ port: number; stop(): void }> {
  const grpc = await import('@grpc/grpc-js');
  const method = (name: string) => ({
    path: `/weaviate.v1.Weaviate/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  });
  const handle =
    (answer: (request: Buffer) => Buffer) =>
    (
      call: { request: Buffer; metadata: { get(name: string): unknown[] } },
      reply: (error: object | null, bytes?: Buffer) => void,
    ): void => {
      if (
        options.apiKey !== undefined &&
        call.metadata.get('authorization')[0] !== `Bearer ${options.apiKey}`
      ) {
        reply({ code: grpc.status.UNAUTHENTICATED, details: 'unauthenticated: invalid api key' });
        return;
      }
      try {
        const bytes = answer(call.request);
        const limit = options.maxMessage ?? MAX_MESSAGE;
        if (bytes.length <= limit) reply(null, bytes);
        else {
          const details = `trying to send message larger than max (${bytes.length} vs. ${limit})`;
          reply({ code: grpc.status.RESOURCE_EXHAUSTED, details });
        }
      } catch (error) {
        if (!isError(error)) throw error;
        reply({ code: grpc.status.UNKNOWN, details: error.message });
      }
    };
  const definition: ServiceDefinition = {
    Search: method('Search'),
    Aggregate: method('Aggregate'),
    BatchObjects: method('BatchObjects'),
  };
  const implementation = {
    Search: handle((request) =>
      encode(SearchReply, search(database, decode(SearchRequest, request), options.maxResults)),
    ),
    Aggregate: handle((request) =>
      encode(AggregateReply, aggregate(database, decode(AggregateRequest, request))),
    ),
    BatchObjects: handle((request) =>
      encode(BatchObjectsReply, batch(database, decode(BatchObjectsRequest, request))),
    ),
  } as unknown as UntypedServiceImplementation;
  const server = new grpc.Server({
    'grpc.max_receive_message_length': options.maxMessage ?? MAX_MESSAGE,
    'grpc.max_send_message_length': -1,
  });
  server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

function search(database: VectorDatabase, request: Fields, most = 10_000): Fields {
  const collection = request.collection as string;
  const shard = database.shard(collection, (request.tenant as string | undefined) || undefined);
  const schema = database.schema(collection)!;
  const after = (request.after as string | undefined) || undefined;
  const limit = Number(request.limit ?? 100);
  // The only order that is asked for is that of updates, newest first.
  const sorted = (request.sortBy as Fields[]).length > 0;
  if (sorted && limit > most) throw invalid('invalid pagination params: query maximum results exceeded');
  const objects = sorted ? shard.newest(limit) : shard.after(after, limit);
  return { took: 0, results: objects.map((object) => toSearchResult(object, schema, request)) };
}

function aggregate(database: VectorDatabase, request: Fields): Fields {
  const tenant = (request.tenant as string | undefined) || undefined;
  return {
    took: 0,
    singleResult: { objectsCount: database.shard(request.collection as string, tenant).size },
  };
}

function batch(database: VectorDatabase, request: Fields): Fields {
  const errors: Fields[] = [];
  for (const [index, object] of (request.objects as Fields[]).entries()) {
    try {
      const collection = object.collection as string;
      const schema = database.schema(collection);
      const tenant = (object.tenant as string | undefined) || undefined;
      const shard = database.shard(collection, tenant);
      const read = fromBatchObject(object, schema!);
      const size = shard.after(undefined, 1)[0]?.vector?.length;
      if (read.vector && size !== undefined && read.vector.length !== size) {
        const [own, there] = [read.vector.length / 4, size / 4];
        errors.push({
          index,
          error: `vector has wrong dimensions: new node has a vector with length ${own}, existing nodes have vectors with length ${there}`,
        });
      } else database.put(collection, tenant, read);
    } catch (error) {
      if (!isError(error)) throw error;
      errors.push({ index, error: error.message });
    }
  }
  return { took: 0, errors };
}
