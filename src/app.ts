import { type Connections, connectionsOf } from './base/connections.ts';
import { Limiter } from './base/limiter.ts';
import { Throttle } from './base/throttle.ts';
import type { Settings } from './config/settings.ts';
import type { Engine } from './jobs/engine.ts';
import type { TemporalEngine, TemporalEngineOptions } from './jobs/engines/temporal/engine.ts';
import type { Environment } from './jobs/environment.ts';
import { type Log, silentLog } from './jobs/kind.ts';
import { type Kinds, kindsOf, type LoadKind } from './jobs/registry.ts';
import { tracedKind } from './jobs/traced.ts';
import { type OpenStore, type StoreProvider, storeOpener } from './stores/open.ts';
import { storeProviders } from './stores/providers.ts';

/** The parts of Sluice, put together as the settings say. */
export interface App {
  readonly settings: Settings;
  readonly connections: Connections;
  readonly open: OpenStore;
  readonly kinds: Kinds;
  readonly environment: Environment;
  readonly log: Log;
  /** The engine of the settings, made when it is first asked for. */
  engine(): Promise<Engine>;
  /** Ends the engine (a running job is left to be resumed) and frees all connections. */
  close(): Promise<void>;
}

/** One line for each kind of job; its module is loaded when such a job runs. */
const kindLoaders: Record<string, LoadKind> = {
  'lake-export': async () => new (await import('./lake/export/kind.ts')).LakeExportKind(),
  'table-export': async () => new (await import('./tables/export/kind.ts')).TableExportKind(),
  'vector-import': async () => new (await import('./vectors/import/kind.ts')).VectorImportKind(),
  'vector-export': async () => new (await import('./vectors/export/kind.ts')).VectorExportKind(),
};

/** The kinds of jobs that Sluice has. */
export const sluiceKinds: Kinds = kindsOf(kindLoaders);

/** Stores that are not in src/stores, one line each. */
const otherProviders: ((open: OpenStore) => Promise<StoreProvider>)[] = [
  async (open) => (await import('./lake/store/provider.ts')).lakefsProviderWith(open),
];

/**
 * @param options.kinds kinds of one's own, beside those of Sluice
 * @throws SluiceError when the state can't be used, once the engine is asked for
 */
export async function createApp(
  settings: Settings,
  options: { log?: Log; kinds?: Readonly<Record<string, LoadKind>> } = {},
): Promise<App> {
  const log = options.log ?? silentLog;
  const connections = connectionsOf(settings.connections, settings.use);
  const open = await openStores(connections);
  const loaders = Object.entries({ ...kindLoaders, ...options.kinds });
  const kinds = kindsOf(
    Object.fromEntries(loaders.map(([name, load]) => [name, async () => tracedKind(await load())])),
  );
  const environment: Environment = {
    kinds,
    open,
    connections,
    slots: new Limiter(settings.concurrency),
    throttle: settings.bandwidth === undefined ? undefined : new Throttle(settings.bandwidth),
    log,
  };
  let engine: Promise<Engine> | undefined;
  return {
    settings,
    connections,
    open,
    kinds,
    environment,
    log,
    engine() {
      engine ??= openEngine(settings, environment);
      return engine;
    },
    async close() {
      await (await engine?.catch(() => undefined))?.close();
      await open.close();
    },
  };
}

/** Opens any URI with these connections; close it to free them. */
export async function openStores(connections: Connections): Promise<OpenStore & { close(): Promise<void> }> {
  const providers = [
    // A lakeFS ref may read from the bucket that its objects lie in, by the same connections.
    ...(await Promise.all(otherProviders.map((load) => load((uri, how) => open(uri, how))))),
    ...(await storeProviders()),
  ];
  const open: OpenStore & { close(): Promise<void> } = storeOpener(providers, connections);
  return open;
}

/**
 * @param work see TemporalEngineOptions
 * @throws SluiceError UNSUPPORTED (Temporal's SDK is not installed), CONNECTION, BAD_CONFIG
 */
export async function openTemporal(
  settings: Settings,
  environment: Environment,
  work: TemporalEngineOptions['work'],
): Promise<TemporalEngine> {
  const { loadTemporal } = await import('./jobs/engines/temporal/connect.ts');
  const { TemporalEngine } = await loadTemporal(() => import('./jobs/engines/temporal/engine.ts'));
  const { temporal } = settings;
  const { tls_ca: ca, tls_cert: cert, tls_key: key, tls_server_name: serverName } = temporal;
  const files = ca !== undefined || cert !== undefined || serverName !== undefined;
  return TemporalEngine.open({
    environment,
    to: {
      address: temporal.address ?? '127.0.0.1:7233',
      namespace: temporal.namespace ?? 'default',
      apiKey: temporal.api_key,
      tls: files && temporal.tls !== false ? { ca, cert, key, serverName } : temporal.tls,
    },
    taskQueue: temporal.task_queue ?? 'sluice',
    work,
    partsAtOnce: settings.parts_at_once,
  });
}

async function openEngine(settings: Settings, environment: Environment): Promise<Engine> {
  if (settings.engine === 'temporal') {
    return openTemporal(settings, environment, settings.temporal.work ? 'own' : 'never');
  }
  const { LocalEngine } = await import('./jobs/engines/local/engine.ts');
  return LocalEngine.open({
    environment,
    state: settings.state,
    partsAtOnce: settings.parts_at_once,
    jobsAtOnce: settings.jobs_at_once,
  });
}
