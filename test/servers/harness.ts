/**
 * Real servers for tests, one function each: installed when needed, on free ports of 127.0.0.1, data in a
 * temporary folder, no telemetry and no update checks; ready when the promise resolves; `stop()` ends them,
 * and so does the end of the test process.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EMPTY_PAYLOAD, Signer } from '../../src/stores/s3/signer.ts';
import { installed } from './install.ts';
import { answers, freePorts, launch, type Running } from './process.ts';
import { temporalSettings } from './temporal.ts';

const S3_KEYS = {
  region: 'us-east-1',
  accessKeyId: 'sluice-access',
  secretAccessKey: 'sluice-secret-key',
};

interface S3Access {
  /** http://127.0.0.1:port */
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface S3Server extends Running, S3Access {
  createBucket(name: string): Promise<void>;
}

/**
 * @param options.domain turns on virtual-host addresses, `<bucket>.<domain>:port`
 * @param options.env more settings, such as MINIO_KMS_SECRET_KEY
 */
export async function startMinio(
  options: { buckets?: string[]; domain?: string; env?: Record<string, string> } = {},
): Promise<S3Server> {
  const command = await installed('minio');
  const [port] = await freePorts(1);
  const access = { endpoint: `http://127.0.0.1:${port}`, ...S3_KEYS };
  const running = await launch({
    name: 'minio',
    command,
    args: (folder) => ['server', '--quiet', '--address', `127.0.0.1:${port}`, folder],
    env: () => ({
      MINIO_ROOT_USER: access.accessKeyId,
      MINIO_ROOT_PASSWORD: access.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_CALLHOME_ENABLE: 'off',
      ...(options.domain === undefined ? {} : { MINIO_DOMAIN: options.domain }),
      ...options.env,
    }),
    ready: () => takesRequests(access),
  });
  const server = { ...running, ...access, createBucket: (name: string) => createBucket(access, name) };
  for (const bucket of options.buckets ?? []) await server.createBucket(bucket);
  return server;
}

/** Another S3 implementation: a gateway over a folder (for checks that do not hang on MinIO's ways). */
export async function startVersity(options: { buckets?: string[] } = {}): Promise<S3Server> {
  const command = await installed('versitygw');
  const [port] = await freePorts(1);
  const access = { endpoint: `http://127.0.0.1:${port}`, ...S3_KEYS };
  const running = await launch({
    name: 'versity',
    command,
    args: (folder) => [
      ...['--access', access.accessKeyId, '--secret', access.secretAccessKey, '--region', access.region],
      ...['--port', `127.0.0.1:${port}`, 'posix', folder],
    ],
    ready: () => takesRequests(access),
  });
  const server = { ...running, ...access, createBucket: (name: string) => createBucket(access, name) };
  for (const bucket of options.buckets ?? []) await server.createBucket(bucket);
  return server;
}

export interface GcsServer extends Running {
  /** http://127.0.0.1:port; it wants no credentials. */
  endpoint: string;
  createBucket(name: string): Promise<void>;
}

/** @param options.publicHost under which it is asked, when that is another address (a proxy in between) */
export async function startFakeGcs(
  options: { buckets?: string[]; port?: number; publicHost?: string } = {},
): Promise<GcsServer> {
  const command = await installed('fake-gcs-server');
  const port = options.port ?? (await freePorts(1))[0];
  const endpoint = `http://127.0.0.1:${port}`;
  const running = await launch({
    name: 'gcs',
    command,
    args: () => [
      ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
      ...['-public-host', options.publicHost ?? `127.0.0.1:${port}`],
      ...['-external-url', endpoint, '-log-level', 'warn'],
    ],
    ready: () => answers(`${endpoint}/storage/v1/b?project=test`),
  });
  const server = {
    ...running,
    endpoint,
    createBucket: (name: string) => postJson(`${endpoint}/storage/v1/b?project=test`, { name }),
  };
  for (const bucket of options.buckets ?? []) await server.createBucket(bucket);
  return server;
}

export interface AzureServer extends Running {
  /** http://127.0.0.1:port/devstoreaccount1 */
  endpoint: string;
  account: string;
  /** The emulator's published key, the same on every machine. */
  key: string;
  connectionString: string;
}

/** Azurite, blobs only. Containers are made by the test, with the SDK. */
export async function startAzurite(): Promise<AzureServer> {
  const script = await installed('azurite');
  const [port] = await freePorts(1);
  const account = 'devstoreaccount1';
  const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const running = await launch({
    name: 'azurite',
    command: process.execPath,
    args: (folder) => [
      ...[script, '--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', folder],
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
    ],
    // Without a signature the answer is an error, but it is an answer.
    ready: async () => (await fetch(`${endpoint}?comp=list`)).status > 0,
  });
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${endpoint};`;
  return { ...running, endpoint, account, key, connectionString };
}

export interface WeaviateServer extends Running {
  /** http://127.0.0.1:port */
  url: string;
  /** 127.0.0.1:port */
  grpc: string;
}

/** One node, anonymous access, no vectorizer; about 10 s. @param env more settings, such as EXPORT_ENABLED */
export async function startWeaviate(env: Record<string, string> = {}): Promise<WeaviateServer> {
  const command = await installed('weaviate-server');
  const [http, grpc, gossip, data, raft, raftRpc, profiling] = await freePorts(7);
  const url = `http://127.0.0.1:${http}`;
  const running = await launch({
    name: 'weaviate',
    command,
    args: () => ['--host', '127.0.0.1', '--port', String(http), '--scheme', 'http'],
    env: (folder) => ({
      PERSISTENCE_DATA_PATH: folder,
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true',
      DEFAULT_VECTORIZER_MODULE: 'none',
      DISABLE_TELEMETRY: 'true',
      LOG_LEVEL: 'warning',
      GRPC_PORT: String(grpc),
      CLUSTER_HOSTNAME: 'node1',
      CLUSTER_ADVERTISE_ADDR: '127.0.0.1',
      CLUSTER_BIND_ADDR: '127.0.0.1',
      CLUSTER_GOSSIP_BIND_PORT: String(gossip),
      CLUSTER_DATA_BIND_PORT: String(data),
      RAFT_PORT: String(raft),
      RAFT_INTERNAL_RPC_PORT: String(raftRpc),
      GO_PROFILING_PORT: String(profiling),
      ...env,
    }),
    ready: () => answers(`${url}/v1/.well-known/ready`),
    patience: 120_000,
  });
  return { ...running, url, grpc: `127.0.0.1:${grpc}` };
}

export interface TemporalServer extends Running {
  /** 127.0.0.1:port, gRPC. */
  address: string;
  /** The namespace that was registered. */
  namespace: string;
  ports: number[];
}

export interface TemporalOptions {
  namespace?: string;
  /** A file that outlives the server; without it, SQLite is in memory. */
  database?: string;
  /** Of a server before this one, to come back at the same address. */
  ports?: number[];
}

/** All of Temporal's services in one process on SQLite, with the namespace registered and known to all of them. */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const command = await installed('temporal');
  const namespace = options.namespace ?? 'default';
  const ports = options.ports ?? (await freePorts(9));
  const running = await launch({
    name: 'temporal',
    command,
    prepare: (folder) => {
      mkdirSync(join(folder, 'config'));
      writeFileSync(join(folder, 'config', 'development.yaml'), temporalSettings(ports, options.database));
    },
    args: (folder) => ['--root', folder, '--config', 'config', '--env', 'development', 'start'],
    ready: () => answers(`http://127.0.0.1:${ports[8]}/api/v1/system-info`),
    patience: 120_000,
  });
  const api = `http://127.0.0.1:${ports[8]}/api/v1/namespaces`;
  if (!(await answers(`${api}/${namespace}`).catch(() => false))) {
    await postJson(api, { namespace, workflowExecutionRetentionPeriod: '86400s' });
  }
  // Its services hear of a namespace one after another.
  while (!(await answers(`${api}/${namespace}/workflows`).catch(() => false))) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { ...running, address: `127.0.0.1:${ports[0]}`, namespace, ports };
}

/** A server that says it is up may still be loading its accounts; one that lists its buckets is not. */
async function takesRequests(server: S3Access): Promise<boolean> {
  return (await signedFetch(server, 'GET', '/')).ok;
}

async function createBucket(server: S3Access, name: string): Promise<void> {
  const response = await signedFetch(server, 'PUT', `/${name}`);
  if (!response.ok) throw new Error(`PUT /${name}: ${response.status} ${await response.text()}`);
}

async function signedFetch(server: S3Access, method: string, path: string): Promise<Response> {
  const { host } = new URL(server.endpoint);
  const request = { method, path, query: '', host, headers: [], payload: EMPTY_PAYLOAD };
  const signed = new Signer().sign(request, server, server.region, Date.now());
  const headers = new Headers();
  for (let i = 0; i < signed.length; i += 2) headers.set(signed[i]!, signed[i + 1]!);
  return fetch(server.endpoint + path, { method, headers, signal: AbortSignal.timeout(5000) });
}

async function postJson(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
