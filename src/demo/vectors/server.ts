import { VectorDatabase } from './database.ts';
import { serveGrpc } from './grpc.ts';
import { serveRest } from './rest.ts';
import { fillSample } from './sample.ts';

export interface SampleWeaviate {
  /** http://127.0.0.1:port */
  url: string;
  /** 127.0.0.1:port */
  grpc: string;
  database: VectorDatabase;
  stop(): void;
}

/**
 * A small vector database in this process that speaks Weaviate's REST and gRPC, for the demo and for tests.
 * @param options.articles objects of the sample's largest class; 0 starts it without classes
 */
export async function startSampleWeaviate(
  options: { articles?: number; apiKey?: string; maxMessage?: number; maxResults?: number } = {},
): Promise<SampleWeaviate> {
  const database = new VectorDatabase();
  if (options.articles !== 0) fillSample(database, options.articles);
  const rest = await serveRest(database, { apiKey: options.apiKey, version: '1.37.0' });
  const grpc = await serveGrpc(database, options);
  return {
    url: `http://127.0.0.1:${rest.port}`,
    grpc: `127.0.0.1:${grpc.port}`,
    database,
    stop() {
      rest.stop();
      grpc.stop();
    },
  };
}
