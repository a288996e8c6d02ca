import type { FastifyInstance } from 'fastify';
import type { Service } from '../service.ts';
import { audited } from './jobs.ts';
import { errors, job } from './schemas.ts';

const text = { type: 'string' } as const;
const open = { type: 'object', additionalProperties: true } as const;
const params = { type: 'object', required: ['name'], properties: { name: text } } as const;

/** Schedules of sluice.yaml: what they do next and did last, run one now, pause and resume it. */
export function scheduleRoutes(app: FastifyInstance, service: Service): void {
  const { schedules } = service;
  app.get(
    '/v1/schedules',
    {
      config: { access: 'read' },
      schema: {
        tags: ['schedules'],
        summary: 'List schedules',
        response: {
          200: { type: 'object', properties: { schedules: { type: 'array', items: open } } },
          ...errors,
        },
      },
    },
    async () => ({ schedules: schedules.list() }),
  );
  app.post<{ Params: { name: string } }>(
    '/v1/schedules/:name/run',
    {
      config: { access: 'run' },
      schema: {
        tags: ['schedules'],
        summary: 'Run a schedule now',
        params,
        response: { 202: job, ...errors },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const started = await audited(service, request, 'run schedule', name, () => schedules.runNow(name));
      return reply.code(202).header('location', `/v1/jobs/${started.id}`).send(started);
    },
  );
  for (const action of ['pause', 'resume'] as const) {
    app.post<{ Params: { name: string } }>(
      `/v1/schedules/:name/${action}`,
      {
        config: { access: 'admin' },
        schema: {
          tags: ['schedules'],
          summary:
            action === 'pause' ? 'Let a schedule start nothing by itself' : 'Let a paused schedule go on',
          params,
          response: { 200: open, ...errors },
        },
      },
      async (request) => {
        const { name } = request.params;
        await audited(service, request, `${action} schedule`, name, async () =>
          schedules.pause(name, action === 'pause'),
        );
        return schedules.list().find((each) => each.name === name);
      },
    );
  }
}
