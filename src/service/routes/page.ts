import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerPage, loadPage, PAGE_MISSING } from '../../web/static.ts';

/** The web page. It holds no data and is for everyone; what it asks for is not. */
export async function pageRoutes(app: FastifyInstance): Promise<void> {
  const page = await loadPage();
  const options = { config: { access: 'public' }, schema: { hide: true } } as const;
  const send = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const file = page?.get(request.url.split('?')[0]!);
    if (!file) {
      const missing = page ? 'There is no such file.\n' : PAGE_MISSING;
      return reply.code(404).type('text/plain; charset=utf-8').send(missing);
    }
    const { status, headers, body } = answerPage(file, {
      acceptEncoding: String(request.headers['accept-encoding'] ?? ''),
      ifNoneMatch: request.headers['if-none-match'],
    });
    return reply.code(status).headers(headers).send(body);
  };
  app.get('/', options, async (request, reply) => send(request, reply));
  app.get('/assets/*', options, async (request, reply) => send(request, reply));
}
