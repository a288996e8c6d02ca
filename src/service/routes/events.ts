import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { JobEvent } from '../../jobs/engine.ts';
import type { Listener } from '../../jobs/events.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { Service } from '../service.ts';
import { errors, idParams } from './schemas.ts';

/** So that proxies in between do not take the connection for dead. */
const HEARTBEAT_MS = 15_000;

/**
 * What happens, as server-sent events (HTML standard, section 9.2): of one job, beginning with the job as it is and ending with
 * the job; or of all jobs. A client that comes again gets the state as it is now, so its Last-Event-ID is not needed.
 */
export function eventRoutes(app: FastifyInstance, service: Service): void {
  app.get<{ Params: { id: string } }>(
    '/v1/jobs/:id/events',
    {
      config: { access: 'read' },
      schema: {
        tags: ['jobs'],
        summary: 'What happens to a job, as server-sent events',
        description: 'Events: job (the whole record: first, and at the end), status, progress, part.',
        params: idParams,
        response: { 404: errors[404] },
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const listener = service.live.hub.listen({ id });
      let record: JobRecord;
      try {
        record = await service.engine.get(id);
      } catch (error) {
        listener.end();
        throw error;
      }
      if (isFinal(record.status)) listener.end();
      const after = isFinal(record.status) ? undefined : () => service.engine.get(id);
      await stream(reply, listener, { first: record, after });
    },
  );
  app.get(
    '/v1/events',
    {
      config: { access: 'read' },
      schema: {
        tags: ['jobs'],
        summary: 'What happens to all jobs, as server-sent events',
        produces: ['text/event-stream'],
      },
    },
    (_request, reply) => stream(reply, service.live.hub.listen(), {}),
  );
}

async function stream(
  reply: FastifyReply,
  listener: Listener,
  jobs: { first?: JobRecord; after?: (() => Promise<JobRecord>) | undefined },
): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  response.on('close', () => listener.end());
  response.on('error', () => listener.end());
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  const heartbeat = setInterval(() => {
    // One who does not read needs no signs of life.
    if (!response.writableNeedDrain) response.write(':\n\n');
  }, HEARTBEAT_MS);
  let count = 0;
  const numbered = (event: string) => `id: ${++count}\n${event}`;
  try {
    response.write('retry: 2000\n\n');
    if (jobs.first) await write(response, numbered(written('job', jobs.first)));
    for await (const event of listener) await write(response, numbered(writtenOnce(event)));
    const last = response.destroyed ? undefined : await jobs.after?.().catch(() => undefined);
    if (last) await write(response, numbered(written('job', last)));
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

function written(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

const texts = new WeakMap<JobEvent, string>();

/** The same text for all who listen. */
function writtenOnce(event: JobEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = written(event.type, event);
    texts.set(event, text);
  }
  return text;
}

/** Waits while the client reads slower than things happen; the listener then keeps the newest only. */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await Promise.race([once(response, 'drain'), once(response, 'close')]).catch(() => undefined);
}
