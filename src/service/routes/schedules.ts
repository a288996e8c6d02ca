import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import { checkAllowed } from '../allow.ts';
import { parseSchedule } from '../schedules/check.ts';
import { specOfRun } from '../schedules/spec.ts';
import type { Service } from '../service.ts';
import { audited } from './jobs.ts';
import { errors, job } from './schemas.ts';

const text = { type: 'string' } as const;
const params = { type: 'object', required: ['name'], properties: { name: text } } as const;
const body = {
  type: 'object',
  additionalProperties: true,
  description: 'As an entry of `schedules` in sluice.yaml, with nothing resolved in it.',
} as const;
const schedule = {
  type: 'object',
  additionalProperties: true,
  properties: {
    name: text,
    cron: text,
    timezone: text,
    editable: { type: 'boolean', description: 'false: it stands in sluice.yaml' },
    paused: { type: 'boolean' },
    next: { type: 'integer', description: 'milliseconds since 1970' },
    failures: { type: 'integer', description: 'since the last success' },
  },
} as const;

type Named = { Params: { name: string } };

/** Schedules: what they do next and did last; make, change and delete them; run one now, pause and resume it. */
export function scheduleRoutes(app: FastifyInstance, service: Service): void {
  const { schedules } = service;
  const tags = ['schedules'];
  const parsed = async (input: Json, request: FastifyRequest): Promise<ScheduleSettings> => {
    const entry = await parseSchedule(input, service.app.kinds);
    const { kind } = entry.job;
    checkAllowed(kind, specOfRun(entry, new Date()), request.identity!, service.options.allow);
    return entry;
  };

  app.get(
    '/v1/schedules',
    {
      config: { access: 'read' },
      schema: {
        tags,
        summary: 'List schedules',
        response: {
          200: { type: 'object', properties: { schedules: { type: 'array', items: schedule } } },
          ...errors,
        },
      },
    },
    async () => ({ schedules: await schedules.list() }),
  );
  app.get<Named>(
    '/v1/schedules/:name',
    {
      config: { access: 'read' },
      schema: { tags, summary: 'Show a schedule', params, response: { 200: schedule, ...errors } },
    },
    (request) => schedules.get(request.params.name),
  );
  app.post<{ Body: Json }>(
    '/v1/schedules',
    {
      config: { access: 'admin' },
      schema: { tags, summary: 'Make a schedule', body, response: { 201: schedule, ...errors } },
    },
    async (request, reply) => {
      const named = (request.body as { name?: unknown }).name;
      const made = await audited(
        service,
        request,
        'create schedule',
        typeof named === 'string' ? named : undefined,
        async () => schedules.create(await parsed(request.body, request)),
      );
      return reply
        .code(201)
        .header('location', `/v1/schedules/${encodeURIComponent(made.name)}`)
        .send(made);
    },
  );
  app.put<Named & { Body: Json }>(
    '/v1/schedules/:name',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Change a schedule',
        description: 'Takes the whole schedule. One of sluice.yaml is changed there.',
        params,
        body,
        response: { 200: schedule, ...errors },
      },
    },
    async (request) => {
      const { name } = request.params;
      return await audited(service, request, 'change schedule', name, async () => {
        await schedules.get(name);
        const entry = await parsed({ name, ...(request.body as { [key: string]: Json }) }, request);
        if (entry.name !== name) {
          throw new SluiceError(
            'BAD_SPEC',
            'The name of a schedule stays: make a new one, and delete the old.',
          );
        }
        return await schedules.change(entry);
      });
    },
  );
  app.delete<Named>(
    '/v1/schedules/:name',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Delete a schedule',
        description: 'Its jobs and what they exported stay.',
        params,
        response: { 204: { type: 'null' }, ...errors },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      await audited(service, request, 'delete schedule', name, () => schedules.remove(name));
      return reply.code(204).send();
    },
  );
  app.post<Named>(
    '/v1/schedules/:name/run',
    {
      config: { access: 'run' },
      schema: { tags, summary: 'Run a schedule now', params, response: { 202: job, ...errors } },
    },
    async (request, reply) => {
      const { name } = request.params;
      const started = await audited(service, request, 'run schedule', name, () => schedules.runNow(name));
      return reply.code(202).header('location', `/v1/jobs/${started.id}`).send(started);
    },
  );
  app.post<Named & { Body: { dry_run?: boolean } | undefined }>(
    '/v1/schedules/:name/prune',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Delete old exports of a schedule, as its `keep` says',
        description: 'With dry_run nothing is deleted, and the answer says what would be.',
        params,
        body: {
          type: ['object', 'null'],
          additionalProperties: false,
          properties: { dry_run: { type: 'boolean', default: false } },
        },
        response: { 200: { type: 'object', additionalProperties: true }, ...errors },
      },
    },
    async (request) => {
      const { name } = request.params;
      const dryRun = request.body?.dry_run ?? false;
      if (dryRun) return await schedules.retain(name, true);
      return await audited(service, request, 'prune schedule', name, () => schedules.retain(name, false));
    },
  );
  for (const action of ['pause', 'resume'] as const) {
    app.post<Named>(
      `/v1/schedules/:name/${action}`,
      {
        config: { access: 'admin' },
        schema: {
          tags,
          summary:
            action === 'pause' ? 'Let a schedule start nothing by itself' : 'Let a paused schedule go on',
          params,
          response: { 200: schedule, ...errors },
        },
      },
      async (request) => {
        const { name } = request.params;
        await audited(service, request, `${action} schedule`, name, () =>
          schedules.pause(name, action === 'pause'),
        );
        return await schedules.get(name);
      },
    );
  }
}
