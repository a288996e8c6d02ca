import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../base/errors.ts';
import { VERSION } from '../base/version.ts';
import { WeaviateClient } from '../vectors/weaviate/client.ts';
import { resolveWeaviate } from '../vectors/weaviate/connection.ts';
import type { ServiceApp } from './context.ts';
import { errorHandler } from './errors.ts';
import { ExportRights } from './exports/rights.ts';
import { SignIn } from './identity/sign-in.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { exportRoutes } from './routes/export.ts';
import { healthRoutes } from './routes/health.ts';
import { jobRoutes } from './routes/jobs.ts';
import { pageRoutes } from './routes/page.ts';
import { proxyRoutes } from './routes/proxy.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { tableRoutes } from './routes/tables.ts';
import { Service } from './service.ts';
import { traceRoutes } from './tracing.ts';

export interface RunningService {
  readonly service: Service;
  /** http://host:port */
  readonly url: string;
  /** Answers what came, ends streams, leaves running jobs to be resumed. The app is closed by its owner, after this. */
  close(): Promise<void>;
}

/** The largest body that is read whole, bytes: a job's spec, a webhook. What is passed through has no limit. */
const BODY_LIMIT = 1 << 20;

/** How long what is being answered may take once the service is told to stop. */
const GRACE_MS = 10_000;

/**
 * Starts the service. Jobs that an earlier process left go on.
 * @throws SluiceError BAD_CONFIG, CONFLICT (the address is taken), ACCESS_DENIED (the state folder)
 */
export async function startService(app: ServiceApp): Promise<RunningService> {
  const service = await Service.open(app);
  let server: FastifyInstance | undefined;
  try {
    server = await serverOf(service);
    await service.begin();
    const { host, port } = service.options;
    await server.listen({ host, port });
  } catch (error) {
    await server?.close();
    await service.close();
    throw listenError(error, app.settings.service.listen);
  }
  const running = server;
  const { address, port, family } = running.server.address() as AddressInfo;
  return {
    service,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close() {
      service.stopping = true;
      // Streams of events would keep their connections open for ever.
      service.live.hub.close();
      const late = setTimeout(() => running.server.closeAllConnections(), GRACE_MS);
      await running.close();
      clearTimeout(late);
      await service.close();
    },
  };
}

async function serverOf(service: Service): Promise<FastifyInstance> {
  const [{ fastify }, { default: swagger }] = await Promise.all([
    import('fastify'),
    import('@fastify/swagger'),
  ]);
  const { log } = service.app;
  const server = fastify({
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    // Headers of forwarding could be anyone's.
    trustProxy: false,
    forceCloseConnections: 'idle',
    requestTimeout: 0,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    routerOptions: { maxParamLength: 512 },
  });
  // Only JSON: what a form of another site can send without being asked is not taken.
  server.removeContentTypeParser('text/plain');
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    // Weaviate's clients say that they send JSON also where they send nothing.
    if (text === '') done(null, undefined);
    else parseJson(request, text as string, done);
  });
  server.setErrorHandler(errorHandler(log));
  server.setNotFoundHandler({}, (request, reply) => {
    const message = `There is nothing at ${request.method} ${request.url.split('?')[0]}; see /docs.`;
    reply.code(404).send({ error: { code: 'NOT_FOUND', message } });
  });
  traceRoutes(server);
  const signIn = new SignIn(service.options, service.keys, service.db);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    if (!request.is404) await signIn.check(request);
  });
  server.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    const seconds = reply.elapsedTime / 1000;
    service.metrics.answered(route, request.method, reply.statusCode, seconds);
    log.info(
      {
        request: request.id,
        method: request.method,
        path: request.url.split('?')[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        who: request.identity?.name,
        from: request.ip,
      },
      'request',
    );
  });
  service.answers.watch(server);
  await server.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Sluice',
        version: VERSION,
        description: 'Jobs, exports, tables and schedules of Sluice.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
  });
  await server.register(async (routes) => {
    healthRoutes(routes, service);
    docsRoutes(routes);
    await pageRoutes(routes);
    jobRoutes(routes, service);
    eventRoutes(routes, service);
    tableRoutes(routes, service);
    scheduleRoutes(routes, service);
  });
  await addWeaviate(server, service, signIn);
  await server.ready();
  return server;
}

async function addWeaviate(server: FastifyInstance, service: Service, signIn: SignIn): Promise<void> {
  const { app, options } = service;
  if (options.weaviate === undefined) return;
  const name = options.weaviate;
  const connection = resolveWeaviate(name, app.connections);
  const client = new WeaviateClient(connection);
  server.addHook('onClose', () => client.close());
  const rights = new ExportRights(options, signIn, connection);
  await server.register((routes) => exportRoutes(routes, service, { client, connection: name, rights }));
  await server.register((routes) => proxyRoutes(routes, connection.url, app.log));
}

function listenError(error: unknown, listen: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new SluiceError(
      'CONFLICT',
      `${listen} is taken by another program; set service.listen (--listen).`,
    );
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new SluiceError('BAD_CONFIG', `This process may not listen on ${listen}.`);
  }
  return error;
}
