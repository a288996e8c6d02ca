import type { FastifyInstance } from 'fastify';
import { SluiceError, toSluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { parseLakeEvent } from '../../tables/events/event.ts';
import { sameSecret } from '../identity/keys.ts';
import { bearerOf } from '../identity/sign-in.ts';
import type { Service } from '../service.ts';
import type { BranchTables } from '../tables.ts';
import { audited } from './jobs.ts';
import { errors, idParams } from './schemas.ts';

const text = { type: 'string' } as const;
const open = { type: 'object', additionalProperties: true } as const;

/** Webhooks of lakeFS actions, and what is known of the tables that they keep in step. */
export function tableRoutes(app: FastifyInstance, service: Service): void {
  const { tables, options } = service;
  app.post<{ Body: Json; Querystring: { secret?: string } }>(
    '/hooks/lakefs',
    {
      config: { access: 'own' },
      schema: {
        tags: ['tables'],
        summary: 'An event of a lakeFS action',
        description:
          'Shows service.hook_secret in the header X-Sluice-Secret, as a bearer token, or in the query parameter secret.',
        querystring: { type: 'object', properties: { secret: text } },
        body: open,
        response: { 202: open, ...errors },
      },
    },
    async (request, reply) => {
      const shown = request.headers['x-sluice-secret'] ?? bearerOf(request) ?? request.query.secret;
      requireSecret(options.hookSecret, options.auth, typeof shown === 'string' ? shown : undefined);
      const event = parseLakeEvent(request.body);
      if (!event) return reply.code(202).send({ outcome: 'ignored', reason: 'this event makes no commit' });
      const accepted = await tables.events.acceptEvent(event);
      service.schedules.moved(event.repository_id, event.branch_id);
      return reply.code(202).send(accepted);
    },
  );
  app.get(
    '/v1/tables',
    {
      config: { access: 'read' },
      schema: {
        tags: ['tables'],
        summary: 'The state of every table, by repository and branch',
        response: {
          200: { type: 'object', properties: { branches: { type: 'array', items: open } } },
          ...errors,
        },
      },
    },
    async () => {
      const branches = await Promise.all(
        (await tables.branches()).map(async (branch): Promise<BranchTables> => {
          try {
            return { ...branch, tables: await tables.states(branch) };
          } catch (error) {
            return { ...branch, tables: [], error: toSluiceError(error).message };
          }
        }),
      );
      return { branches };
    },
  );
  app.get<{ Querystring: { repository?: string; branch?: string; limit?: number } }>(
    '/v1/tables/events',
    {
      config: { access: 'read' },
      schema: {
        tags: ['tables'],
        summary: 'Commits that webhooks told of, newest first',
        querystring: {
          type: 'object',
          properties: {
            repository: text,
            branch: text,
            limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
          },
        },
        response: {
          200: { type: 'object', properties: { events: { type: 'array', items: open } } },
          ...errors,
        },
      },
    },
    async (request) => ({ events: await tables.events.list(request.query) }),
  );
  app.post<{ Params: { id: string } }>(
    '/v1/tables/events/:id/retry',
    {
      config: { access: 'run' },
      schema: {
        tags: ['tables'],
        summary: 'Work on a failed event again',
        params: idParams,
        response: { 202: open, ...errors },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await audited(service, request, 'retry event', id, () => tables.events.retry(id));
      return reply.code(202).send({ id });
    },
  );
}

/** @throws SluiceError UNAUTHENTICATED, ACCESS_DENIED */
function requireSecret(secret: string | undefined, auth: string, shown: string | undefined): void {
  if (secret === undefined) {
    if (auth === 'none') return;
    throw new SluiceError('ACCESS_DENIED', 'Webhooks are refused until service.hook_secret is set.');
  }
  if (shown !== undefined && sameSecret(shown, secret)) return;
  throw new SluiceError('UNAUTHENTICATED', 'The webhook does not show the secret of service.hook_secret.');
}
