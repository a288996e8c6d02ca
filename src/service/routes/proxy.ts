import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Agent, type Dispatcher } from 'undici';
import type { Log } from '../../jobs/kind.ts';
import { isSluiceKey } from '../identity/keys.ts';
import { bearerOf } from '../identity/sign-in.ts';

/** Headers of one connection, which no proxy passes on (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Passes everything under /v1 that is not Sluice's own on to Weaviate, as it is and in both directions as it comes,
 * so that a client of Weaviate works when it is pointed here. The caller's credentials go with it, and nothing of ours:
 * what they may do is Weaviate's to say.
 */
export async function proxyRoutes(app: FastifyInstance, url: string, log: Log): Promise<void> {
  const target = new URL(url);
  const base = target.pathname.replace(/\/+$/, '');
  const agent = new Agent({ connections: 256, headersTimeout: 600_000, bodyTimeout: 600_000 });
  app.addHook('onClose', () => agent.destroy());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

  app.all('/v1/*', { config: { access: 'own' }, schema: { hide: true }, exposeHeadRoute: false }, forward);

  async function forward(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack();
    const response = reply.raw;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const answer = await agent.request({
        origin: target.origin,
        path: `${base}${request.raw.url}`,
        method: request.method as Dispatcher.HttpMethod,
        headers: headersFor(request),
        body: hasBody(request) ? request.raw : null,
        signal: gone.signal,
      });
      response.writeHead(answer.statusCode, passedOn(answer.headers));
      await pipeline(answer.body, response);
    } catch (error) {
      if (gone.signal.aborted) return;
      const { code = 'error' } = error as { code?: string };
      log.warn({ request: request.id, error: code }, 'Weaviate cannot be reached');
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const body = JSON.stringify({ error: [{ message: `Weaviate cannot be reached (${code}).` }] });
      response.writeHead(502, { 'content-type': 'application/json' }).end(body);
    }
  }
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function headersFor(request: FastifyRequest): Record<string, string | string[]> {
  const headers = passedOn(request.headers);
  delete headers.host;
  delete headers.expect;
  const token = bearerOf(request);
  // A key of Sluice is nobody else's business.
  if (token !== undefined && isSluiceKey(token)) delete headers.authorization;
  headers['x-forwarded-for'] = request.ip;
  return headers;
}

function passedOn(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const named = new Set(
    String(headers.connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}
