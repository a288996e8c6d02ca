import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError, toSluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { JobStatus, PartStatus } from '../../jobs/job.ts';
import { checkAllowed } from '../allow.ts';
import type { Service } from '../service.ts';
import { errors, idParams, JOB_STATUSES, job, PART_STATUSES, part } from './schemas.ts';

interface JobQuery {
  kind?: string;
  status?: JobStatus;
  search?: string;
  limit?: number;
  after?: string;
}

interface PartQuery {
  status?: PartStatus;
  search?: string;
  limit?: number;
  after?: string;
}

/** Ids that the service gives: nobody may take one before it. */
const OWN_ID =
  /^(export-(s3|gcs|azure|filesystem)-[0-9a-f]{16}-\d+|hook-[0-9a-f]{24}-\d+|schedule-.+-\d{8}T\d{9}Z)$/;

const limit = { type: 'integer', minimum: 1, maximum: 1000, default: 100 } as const;
const text = { type: 'string' } as const;

/** Jobs of every kind: start, list, show, cancel, retry. */
export function jobRoutes(app: FastifyInstance, service: Service): void {
  const { engine, answers } = service;
  app.post<{ Body: { kind: string; spec: Json; id?: string } }>(
    '/v1/jobs',
    {
      config: { access: 'run' },
      schema: {
        tags: ['jobs'],
        summary: 'Start a job',
        description: 'The same id, kind and spec again give the job that is there.',
        body: {
          type: 'object',
          required: ['kind', 'spec'],
          additionalProperties: false,
          properties: {
            kind: { ...text, description: 'lake-export, vector-export, vector-import or table-export' },
            spec: { type: 'object', additionalProperties: true },
            id: text,
          },
        },
        response: { 202: job, ...errors },
      },
    },
    async (request, reply) => {
      const { kind, spec, id } = request.body;
      const started = await audited(service, request, `start ${kind}`, id, async () => {
        if (id !== undefined && OWN_ID.test(id)) {
          throw new SluiceError('BAD_SPEC', `Ids such as "${id}" are the service's own; choose another.`);
        }
        checkAllowed(kind, spec, request.identity!, service.options.allow);
        return await service.start(kind, spec, id);
      });
      return reply.code(202).header('location', `/v1/jobs/${started.id}`).send(started);
    },
  );
  app.get<{ Querystring: JobQuery }>(
    '/v1/jobs',
    {
      config: { access: 'read' },
      schema: {
        tags: ['jobs'],
        summary: 'List jobs, newest first',
        description: 'Without report and pinned, which GET /v1/jobs/{id} has.',
        querystring: {
          type: 'object',
          properties: {
            kind: text,
            status: { type: 'string', enum: JOB_STATUSES },
            search: { ...text, description: "part of the id or of the spec's text" },
            limit,
            after: { type: 'string', pattern: '^\\d+$', description: '`next` of the page before' },
          },
        },
        response: {
          200: { type: 'object', properties: { jobs: { type: 'array', items: job }, next: text } },
          ...errors,
        },
      },
    },
    (request, reply) => answers.send(request, reply, () => engine.list(request.query)),
  );
  app.get<{ Params: { id: string } }>(
    '/v1/jobs/:id',
    {
      config: { access: 'read' },
      schema: {
        tags: ['jobs'],
        summary: 'Show a job',
        params: idParams,
        response: { 200: job, ...errors },
      },
    },
    (request, reply) => answers.send(request, reply, () => engine.get(request.params.id)),
  );
  app.get<{ Params: { id: string }; Querystring: PartQuery }>(
    '/v1/jobs/:id/parts',
    {
      config: { access: 'read' },
      schema: {
        tags: ['jobs'],
        summary: 'List the parts of a job, in order of id',
        params: idParams,
        querystring: {
          type: 'object',
          properties: {
            status: { type: 'string', enum: PART_STATUSES },
            search: text,
            limit,
            after: { ...text, description: 'the last id of the page before' },
          },
        },
        response: {
          200: { type: 'object', properties: { parts: { type: 'array', items: part }, next: text } },
          ...errors,
        },
      },
    },
    (request, reply) =>
      answers.send(request, reply, async () => {
        const { limit: most = 100 } = request.query;
        const parts = await engine.parts(request.params.id, request.query);
        return { parts, next: parts.length === most ? parts.at(-1)?.id : undefined };
      }),
  );
  app.post<{ Params: { id: string } }>(
    '/v1/jobs/:id/cancel',
    {
      config: { access: 'cancel' },
      schema: {
        tags: ['jobs'],
        summary: 'Ask a job to stop',
        description: 'What is in flight ends first.',
        params: idParams,
        response: { 202: job, ...errors },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await audited(service, request, 'cancel', id, () => engine.cancel(id));
      return reply.code(202).send(await engine.get(id));
    },
  );
  app.post<{ Params: { id: string } }>(
    '/v1/jobs/:id/retry',
    {
      config: { access: 'run' },
      schema: {
        tags: ['jobs'],
        summary: 'Go on with a job that failed, was canceled or was interrupted',
        description: 'Parts that succeeded stay done.',
        params: idParams,
        response: { 202: job, ...errors },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const retried = await audited(service, request, 'retry', id, async () => {
        const { kind, spec } = await engine.get(id);
        checkAllowed(kind, spec, request.identity!, service.options.allow);
        return await service.resume(id);
      });
      return reply.code(202).send(retried);
    },
  );
}

/** Does something that the audit log tells of, whatever its outcome. */
export async function audited<T>(
  service: Service,
  request: FastifyRequest,
  what: string,
  subject: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const entry = { who: request.identity?.name ?? 'a caller that Weaviate knows', what, from: request.ip };
  try {
    const result = await work();
    const made = (result as { id?: unknown } | undefined)?.id;
    const named = subject ?? (typeof made === 'string' ? made : undefined);
    await service.audit.note({ ...entry, subject: named, outcome: 'ok' });
    service.app.log.info(
      { request: request.id, who: entry.who, job: typeof made === 'string' ? made : named },
      what,
    );
    return result;
  } catch (error) {
    await service.audit.note({ ...entry, subject, outcome: toSluiceError(error).code });
    throw error;
  }
}
