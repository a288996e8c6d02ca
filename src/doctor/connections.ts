import { randomUUID } from 'node:crypto';
import type { Connection } from '../base/connections.ts';
import { isError } from '../base/errors.ts';
import { parseLakefsConnection } from '../lake/client/connection.ts';
import { LakeReader } from '../lake/client/reader.ts';
import type { OpenStore } from '../stores/open.ts';
import { clockFinding } from './clock.ts';
import { type Finding, ok, warning } from './finding.ts';

const QUICK = { attempts: 2, baseDelay: 100, maxDelay: 1000, deadline: 15_000 };

/** Whether a server answers to a connection's credentials, and whether its clock agrees with the one here. */
export async function checkConnection(
  connection: Connection,
  open: OpenStore,
  signal: AbortSignal,
): Promise<Finding[]> {
  const check = `connection ${connection.name}`;
  const found = await reach(check, connection, open, signal);
  const url = await urlOf(connection);
  // Whoever cannot be reached has no clock to ask.
  const clock = url === undefined ? undefined : await clockFinding(check, url, signal).catch(() => undefined);
  return clock && clock.result !== 'ok' ? [...found, clock] : found;
}

async function reach(
  check: string,
  connection: Connection,
  open: OpenStore,
  signal: AbortSignal,
): Promise<Finding[]> {
  switch (connection.type) {
    case 'lakefs':
      return [await reachLake(check, connection, signal)];
    case 'weaviate':
      return await reachWeaviate(check, connection, signal);
    case 'unity':
    case 'databricks':
      return [await reachCatalog(check, connection, signal)];
    case 's3':
      return [await reachStore(check, `s3://${unknownBucket()}/`, connection.name, open, signal)];
    case 'gcs':
      return [await reachStore(check, `gs://${unknownBucket()}/`, connection.name, open, signal)];
    case 'azure':
      return [await reachStore(check, `az://${unknownBucket()}/`, connection.name, open, signal)];
    default:
      return [ok(check, 'There is no server behind it.')];
  }
}

async function reachLake(check: string, connection: Connection, signal: AbortSignal): Promise<Finding> {
  const settings = parseLakefsConnection(connection);
  const reader = new LakeReader(settings, { retry: QUICK });
  try {
    let repositories = 0;
    for await (const page of reader.repositories({ signal })) {
      repositories += page.length;
      break;
    }
    const shown = repositories === 0 ? 'no repository' : 'repositories';
    return ok(check, `lakeFS at ${settings.endpoint} takes the credentials and shows ${shown}.`);
  } finally {
    await reader.close();
  }
}

/** A bucket that is nowhere: whoever says so has taken the credentials. */
const unknownBucket = (): string => `sluice-doctor-${randomUUID().slice(0, 18)}`;

async function reachStore(
  check: string,
  uri: string,
  connection: string,
  open: OpenStore,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const { store } = await open(uri, { connection });
    for await (const _page of store.list({ pageSize: 1, signal })) break;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return ok(check, 'The object store answers and takes the credentials.');
    if (isError(error, 'ACCESS_DENIED')) {
      return warning(
        check,
        `The object store answers, and shows these credentials nothing of a bucket that is not there; whether they are right is seen at the buckets in use. It said: ${error.message}`,
      );
    }
    throw error;
  }
  return ok(check, 'The object store answers.');
}

async function reachWeaviate(check: string, connection: Connection, signal: AbortSignal): Promise<Finding[]> {
  const [{ parseWeaviateConnection }, { WeaviateClient }] = await Promise.all([
    import('../vectors/weaviate/connection.ts'),
    import('../vectors/weaviate/client.ts'),
  ]);
  const settings = parseWeaviateConnection(connection);
  const client = new WeaviateClient(settings, QUICK);
  try {
    const version = await client.version(signal);
    const classes = await client.classes(signal);
    const found = [ok(check, `Weaviate ${version} at ${settings.url} shows ${classes.length} classes.`)];
    const name = `${check} (gRPC)`;
    try {
      const schema = { class: `SluiceDoctor${randomUUID().slice(0, 8)}`, properties: [] };
      await client.page(schema, { limit: 1, wanted: { properties: [], vectors: false } }, signal);
    } catch (error) {
      // It answers, and knows no such class.
      if (isError(error, 'CONNECTION', 'UNAVAILABLE', 'TIMEOUT', 'UNAUTHENTICATED', 'ACCESS_DENIED')) {
        const { code, message } = error;
        const remedy = `Exports read by gRPC: set "grpc" of the connection to its host and port, and let them through.`;
        return [...found, { check: name, result: 'failed', message: `${message} ${remedy}`, code }];
      }
    }
    return [...found, ok(name, `gRPC answers at ${settings.grpc}.`)];
  } finally {
    await client.close();
  }
}

async function reachCatalog(check: string, connection: Connection, signal: AbortSignal): Promise<Finding> {
  const rest =
    connection.type === 'unity'
      ? await import('../tables/catalogs/unity/connection.ts').then((unity) =>
          unity.unityRest(unity.parseUnityConnection(connection), { attempts: 2 }),
        )
      : await import('../tables/databricks/connection.ts').then((databricks) =>
          databricks.databricksRest(databricks.parseDatabricksConnection(connection), { attempts: 2 }),
        );
  await rest.call({
    method: 'GET',
    path: '/api/2.1/unity-catalog/catalogs',
    query: { max_results: 1 },
    signal,
  });
  const { warehouse_id: warehouse } = connection;
  if (connection.type === 'databricks' && typeof warehouse === 'string') {
    const path = `/api/2.0/sql/warehouses/${encodeURIComponent(warehouse)}`;
    const { state } = await rest.call<{ state?: string }>({ method: 'GET', path, signal });
    return ok(check, `${rest.name} takes the credentials; its warehouse is ${state ?? 'there'}.`);
  }
  return ok(check, `${rest.name} takes the credentials.`);
}

/** Where the clock of the server can be asked for. */
async function urlOf(connection: Connection): Promise<string | undefined> {
  switch (connection.type) {
    case 'lakefs':
      return parseLakefsConnection(connection).endpoint;
    case 's3': {
      const { parseS3Connection } = await import('../stores/s3/settings.ts');
      return parseS3Connection(connection).endpoint ?? 'https://s3.amazonaws.com';
    }
    case 'gcs': {
      const { parseGcsConnection } = await import('../stores/gcs/settings.ts');
      return parseGcsConnection(connection).endpoint;
    }
    case 'azure': {
      const { parseAzureConnection } = await import('../stores/azure/settings.ts');
      return parseAzureConnection(connection).endpoint;
    }
    case 'weaviate':
    case 'unity':
      return typeof connection.url === 'string' ? connection.url : undefined;
    case 'databricks': {
      const { parseDatabricksConnection } = await import('../tables/databricks/connection.ts');
      return parseDatabricksConnection(connection).host;
    }
    default:
      return undefined;
  }
}
