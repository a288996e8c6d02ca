import type { FastifyInstance } from 'fastify';
import type { Service } from '../service.ts';

const QUICK_MS = 5000;

/** For those who look after the process. */
export function healthRoutes(app: FastifyInstance, service: Service): void {
  const hidden = { hide: true } as const;
  app.get('/healthz', { config: { access: 'public' }, schema: hidden }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: { access: 'public' }, schema: hidden }, async (_request, reply) => {
    if (service.stopping) return reply.code(503).send({ status: 'stopping' });
    const answered = await Promise.race([
      service.engine.list({ limit: 1 }).then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), QUICK_MS).unref()),
    ]);
    return answered ? { status: 'ready' } : reply.code(503).send({ status: 'the state cannot be read' });
  });
  app.get('/metrics', { config: { access: 'read' }, schema: hidden }, async (_request, reply) => {
    const { registry } = service.metrics;
    return reply.header('content-type', registry.contentType).send(await registry.metrics());
  });
  app.get(
    '/v1/me',
    {
      config: { access: 'known' },
      schema: {
        tags: ['service'],
        summary: 'Who calls, and what they may do',
        response: {
          200: {
            type: 'object',
            properties: {
              name: { type: 'string' },
              roles: { type: 'array', items: { type: 'string' } },
              auth: { type: 'string', enum: ['none', 'keys', 'oidc'] },
            },
          },
        },
      },
    },
    async (request) => ({ ...request.identity!, auth: service.options.auth }),
  );
}
