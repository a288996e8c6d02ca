import cluster from 'node:cluster';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { SluiceError } from '../base/errors.ts';
import { letYoungGrow } from '../base/young-generation.ts';
import { startAdmin } from '../gateway/admin.ts';
import { createMetrics, type GatewayMetrics } from '../gateway/metrics.ts';
import type { Listen } from '../gateway/options.ts';
import { createRoutedGateway } from '../gateway/routed.ts';
import type { Gateway } from '../gateway/server.ts';
import { listenOf, type ServerSettings } from '../gateway/settings.ts';
import { openRouting, type Routing, type RoutingOptions } from './route-config.ts';
import type { Session } from './session.ts';

/** How long a worker that died at its start keeps the others from being replaced at once. */
const RESTART_DELAY = 1000;

/** Runs the gateway until a signal comes; with several workers, this process only looks after them. */
export async function serve(session: Session, options: RoutingOptions): Promise<void> {
  const routing = await openRouting(session, options);
  try {
    if (cluster.isPrimary && routing.server.workers > 1) await superviseWorkers(session, routing.server);
    else await runGateway(session, routing);
  } finally {
    await routing.close();
  }
}

async function runGateway(session: Session, routing: Routing): Promise<void> {
  // Most of what a request makes is gone after it, and holds no buffers: sweeping often cost a tenth of the time.
  letYoungGrow(32 * 1024 * 1024, 500);
  const ended = AbortSignal.any([session.signal, stopMessage()]);
  const { server } = routing;
  const metrics = server.metrics === undefined ? undefined : await createMetrics();
  const { gateway, listening } = await startGateway(routing, metrics);
  let closeAdmin = async (): Promise<void> => undefined;
  try {
    if (cluster.isWorker) await joinCluster(metrics, listening);
    else {
      if (metrics) closeAdmin = await ownAdmin(session, server, metrics);
      announce(session, listening, server.tls !== undefined);
    }
    if (!ended.aborted) await once(ended, 'abort');
  } finally {
    await Promise.all([gateway.close(), closeAdmin()]);
  }
}

/** Lets a gateway listen in this process. @throws SluiceError BAD_CONFIG */
export async function startGateway(
  { router, server }: Routing,
  metrics?: GatewayMetrics,
): Promise<{ gateway: Gateway; listening: Listen[] }> {
  const tls = await tlsOf(server);
  const gateway = createRoutedGateway(router, {
    listen: server.listen,
    schemes: server.schemes,
    domains: server.domains,
    limits: server.limits,
    ...(server.region !== undefined && { region: server.region }),
    ...(server.tokenSecret !== undefined && { tokenSecret: server.tokenSecret }),
    ...(tls && { tls }),
    ...(server.accessLog && { accessLog: await accessLog() }),
    ...(metrics && { metrics }),
  });
  return { gateway, listening: await gateway.listen() };
}

async function ownAdmin(
  session: Session,
  server: ServerSettings,
  metrics: GatewayMetrics,
): Promise<() => Promise<void>> {
  const admin = await startAdmin(listenOf(server.metrics!, '--metrics'), async () => ({
    type: metrics.registry.contentType,
    text: await metrics.registry.metrics(),
  }));
  session.output.note(`/health and /metrics on port ${admin.port}`);
  return admin.close;
}

/**
 * Aborts when the first process tells its workers to stop. By message: after Ctrl-C, which reaches all processes of a
 * terminal, one more signal would tell them to stop at once.
 */
function stopMessage(): AbortSignal {
  const controller = new AbortController();
  if (cluster.isWorker) {
    process.on('message', (message: { stop?: boolean }) => {
      if (message.stop) controller.abort();
    });
  }
  return controller.signal;
}

/** Metrics of a worker are collected by the first process. */
async function joinCluster(metrics: GatewayMetrics | undefined, listening: Listen[]): Promise<void> {
  if (metrics) {
    const { AggregatorRegistry } = await import('prom-client');
    AggregatorRegistry.setRegistries(metrics.registry);
    // What it makes answers the first process's question.
    new AggregatorRegistry();
  }
  process.send?.({ listening });
}

async function superviseWorkers(session: Session, server: ServerSettings): Promise<void> {
  // What every worker would fail by is told once, before there are any.
  await tlsOf(server);
  const { AggregatorRegistry } = await import('prom-client');
  const registry = new AggregatorRegistry();
  const admin =
    server.metrics === undefined
      ? undefined
      : await startAdmin(listenOf(server.metrics, '--metrics'), async () => ({
          type: registry.contentType,
          text: await registry.clusterMetrics(),
        }));
  let announced = false;
  let failedAtStart: SluiceError | undefined;
  const stop = new AbortController();
  const ended = AbortSignal.any([session.signal, stop.signal]);
  const start = (replaces: boolean): void => {
    if (ended.aborted) return;
    let ready = false;
    const worker = cluster.fork();
    worker.on('message', (message: { listening?: Listen[] }) => {
      if (!message.listening) return;
      ready = true;
      if (!announced) announce(session, message.listening, server.tls !== undefined);
      else if (replaces) session.output.note('The new worker answers.');
      announced = true;
    });
    worker.on('exit', (code, signal) => {
      if (ended.aborted) return;
      const end = signal ? `by ${signal}` : `with ${code}`;
      if (!ready && !announced) {
        failedAtStart = new SluiceError('BAD_CONFIG', `A worker ended ${end} before it could listen.`);
        stop.abort();
        return;
      }
      session.output.note(`A worker ended ${end}; another one starts.`);
      setTimeout(start, RESTART_DELAY, true);
    });
  };
  for (let i = 0; i < server.workers; i++) start(false);
  if (admin) session.output.note(`/health and /metrics on port ${admin.port}`);
  if (!ended.aborted) await once(ended, 'abort');
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  await Promise.all(
    workers.map(async (worker) => {
      if (worker.isDead()) return;
      const gone = once(worker, 'exit');
      worker.send({ stop: true }, () => {});
      await gone;
    }),
  );
  await admin?.close();
  if (failedAtStart) throw failedAtStart;
}

/** Says where the gateway answers. */
export function announce(session: Session, listening: readonly Listen[], tls: boolean): void {
  const addresses = listening.map(({ scheme, host, port }) => ({
    scheme,
    endpoint: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  }));
  session.output.result({ listening: addresses }, () =>
    addresses.map(({ scheme, endpoint }) => `${scheme}:// is answered at ${endpoint}`).join('\n'),
  );
}

async function accessLog() {
  const { pino } = await import('pino');
  return pino(
    { base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    // Lines are gathered, so that a write to a slow disk is not paid for by each request.
    pino.destination({ dest: 2, sync: false, minLength: 4096, periodicFlush: 1000 }),
  );
}

/** Certificate and key, tried together. @throws SluiceError BAD_CONFIG */
async function tlsOf({ tls }: ServerSettings): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (!tls) return undefined;
  const pair = { cert: await pem(tls.cert), key: await pem(tls.key) };
  try {
    createSecureContext(pair);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SluiceError(
      'BAD_CONFIG',
      `The certificate ${tls.cert} and the key ${tls.key} cannot be used: both must be PEM, and the key must be the certificate's and have no passphrase (${why}).`,
      { cause: error },
    );
  }
  return pair;
}

async function pem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new SluiceError('BAD_CONFIG', `The file ${path} cannot be read.`, { cause: error });
  }
}
