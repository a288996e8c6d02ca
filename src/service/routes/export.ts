import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../../base/errors.ts';
import type { WeaviateClient } from '../../vectors/weaviate/client.ts';
import { weaviateErrorHandler } from '../errors.ts';
import { backendNamed, destinationOf, type PlaceRequest } from '../exports/destination.ts';
import { classesOf, type ExportRequest } from '../exports/exports.ts';
import type { ExportRights } from '../exports/rights.ts';
import { detailedStatus, type ExportStatus, statusOf } from '../exports/status.ts';
import type { Service } from '../service.ts';
import { audited } from './jobs.ts';

/** How long a cancellation is waited for before it is answered. */
const CANCEL_WAIT_MS = 10_000;

const text = { type: 'string' } as const;
const names = { type: 'array', items: text } as const;
const params = {
  type: 'object',
  properties: { backend: { ...text, description: 's3, gcs, azure or filesystem' }, id: text },
} as const;
const error = {
  type: 'object',
  properties: { error: { type: 'array', items: { type: 'object', properties: { message: text } } } },
} as const;
const errors = { 401: error, 403: error, 404: error, 409: error, 422: error } as const;
const status = {
  type: 'object',
  additionalProperties: true,
  properties: {
    id: text,
    backend: text,
    path: text,
    status: { type: 'string', enum: ['STARTED', 'TRANSFERRING', 'SUCCESS', 'FAILED', 'CANCELED'] },
    startedAt: { ...text, format: 'date-time' },
    completedAt: { ...text, format: 'date-time' },
    tookInMs: { type: 'integer' },
    classes: names,
    error: text,
  },
} as const;

type Named = { Params: { backend: string; id: string } };

/** Weaviate's export API (as Weaviate 1.37 has it), done by Sluice's own exports. */
export async function exportRoutes(
  app: FastifyInstance,
  service: Service,
  weaviate: { client: WeaviateClient; connection: string; rights: ExportRights },
): Promise<void> {
  const { engine, exports, app: parts } = service;
  const { client, rights } = weaviate;
  const settings = parts.settings.export;
  app.setErrorHandler(weaviateErrorHandler(parts.log));
  app.addHook('preHandler', (request) => rights.identify(request));
  const config = { access: 'own' } as const;

  app.post<{ Params: { backend: string }; Body: ExportRequest & { config?: PlaceRequest } }>(
    '/v1/export/:backend',
    {
      config,
      schema: {
        tags: ['export'],
        summary: 'Start an export of classes',
        params,
        body: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { ...text, description: '1 to 128 of a-z, 0-9, - and _' },
            file_format: { ...text, description: 'parquet' },
            include: names,
            exclude: names,
            config: { type: 'object', properties: { bucket: text, path: text } },
          },
        },
        response: { 200: status, ...errors },
      },
    },
    (request) =>
      audited(service, request, 'start export', `${request.params.backend}/${request.body.id}`, async () => {
        const backend = backendNamed(request.params.backend, settings);
        const classes = await classesWithRights(request, request.body);
        const { config: asked = {}, id } = request.body;
        const destination = destinationOf(backend, settings, asked);
        const spec = {
          weaviate: weaviate.connection,
          include: classes,
          layout: service.options.exportLayout,
        };
        const { record, job } = await exports.create({ backend, id, classes }, destination, spec);
        const { id: same, backend: where, path, startedAt } = statusOf(record, job);
        return { id: same, backend: where, path, status: 'STARTED', startedAt, classes };
      }),
  );

  /** Who may not read a class does not learn either whether it is there. */
  async function classesWithRights(request: FastifyRequest, body: ExportRequest): Promise<string[]> {
    const { include = [] } = body;
    await rights.require(request, 'create', include);
    const classes = await classesOf(body, client);
    if (include.length === 0) await rights.require(request, 'create', classes);
    return classes;
  }

  app.get<Named>(
    '/v1/export/:backend/:id',
    {
      config,
      schema: {
        tags: ['export'],
        summary: 'The status of an export',
        params,
        response: { 200: status, ...errors },
      },
    },
    async (request) => {
      const { record, job } = await found(request, 'read');
      return await detailedStatus(record, job, engine);
    },
  );

  app.delete<Named>(
    '/v1/export/:backend/:id',
    {
      config,
      schema: {
        tags: ['export'],
        summary: 'Cancel an export',
        params,
        response: { 204: { type: 'null' }, ...errors },
      },
    },
    async (request, reply) => {
      const { backend, id } = request.params;
      await audited(service, request, 'cancel export', `${backend}/${id}`, async () => {
        const { record } = await found(request, 'cancel');
        await engine.cancel(record.job);
        // The id is free for another export once this one has stopped.
        await engine.wait(record.job, AbortSignal.timeout(CANCEL_WAIT_MS)).catch(() => undefined);
      });
      return reply.code(204).send();
    },
  );

  for (const path of ['/v1/export', '/v1/export/:backend']) {
    app.get<{ Params: { backend?: string }; Querystring: { limit?: number } }>(
      path,
      {
        config,
        schema: {
          tags: ['export'],
          summary: 'List exports, newest first',
          querystring: {
            type: 'object',
            properties: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
          },
          response: { 200: { type: 'array', items: status }, ...errors },
        },
      },
      async (request): Promise<ExportStatus[]> => {
        const { backend } = request.params;
        if (backend !== undefined) backendNamed(backend, settings);
        await rights.require(request, 'read', []);
        const list: ExportStatus[] = [];
        // Most exports are of the same classes: each set of them is asked about once.
        const allowed = new Map<string, boolean>();
        for (const record of await exports.list(backend, request.query.limit)) {
          const set = record.classes.join(' ');
          const mine = allowed.get(set) ?? (await rights.may(request, 'read', record.classes));
          allowed.set(set, mine);
          const job = mine ? await exports.jobOf(record.job) : undefined;
          if (job) list.push(statusOf(record, job));
        }
        return list;
      },
    );
  }

  async function found(request: FastifyRequest<Named>, action: 'read' | 'cancel') {
    const { backend, id } = request.params;
    // One who is not signed in learns nothing of what there is.
    await rights.require(request, action, []);
    backendNamed(backend, settings);
    const record = await exports.get(backend, id);
    await rights.require(request, action, record.classes);
    const job = await exports.jobOf(record.job);
    if (job) return { record, job };
    throw new SluiceError('UNAVAILABLE', `The export "${id}" is being started; ask again.`);
  }
}
