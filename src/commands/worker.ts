import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../base/errors.ts';
import type { TemporalEngine } from '../jobs/engines/temporal/engine.ts';
import { runs } from './session.ts';

export function define(command: Command): void {
  command
    .option('--parts-at-once <count>', 'parts of jobs that run here at once (else parts_at_once, 8)')
    .option('--concurrency <count>', 'object operations at once (else concurrency, 64)')
    .option('--health <address>', 'host:port where /healthz and /readyz answer', checkAddress)
    .addHelpText(
      'after',
      `
Ends on SIGTERM or Ctrl-C: it takes nothing new, and what is in flight goes on in another worker.

Examples:
  sluice worker --config sluice.yaml
  sluice worker --parts-at-once 16 --health 0.0.0.0:7071
  sluice export --engine temporal lakefs://repo/main s3://exports/repo    # from any machine`,
    )
    .action(
      runs<{ health?: string }>(async (session, _args, { health }) => {
        const settings = await session.settings();
        const { openTemporal } = await import('../app.ts');
        const app = await session.app(settings);
        const engine = await openTemporal(settings, app.environment, 'always');
        let server: Server | undefined;
        try {
          if (health !== undefined) server = await answerHealth(health, engine);
          const { address = '127.0.0.1:7233', task_queue: queue = 'sluice' } = settings.temporal;
          session.output.note(`Sluice works on jobs of queue ${queue} at ${address}`);
          const stopped = session.signal.aborted ? undefined : once(session.signal, 'abort');
          await Promise.race([stopped, engine.workEnded()]);
        } finally {
          server?.close();
          await engine.close();
        }
      }),
    );
}

/** For whoever keeps workers running: alive as long as this process is, ready while it takes work. */
async function answerHealth(address: string, engine: TemporalEngine): Promise<Server> {
  const at = address.lastIndexOf(':');
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    const known = path === '/healthz' || path === '/readyz';
    const ready = path === '/healthz' || (await engine.healthy());
    response
      .writeHead(known ? (ready ? 200 : 503) : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: ready ? 'ok' : 'not working' }));
  });
  server.listen(Number(address.slice(at + 1)), address.slice(0, at).replace(/^\[|\]$/g, ''));
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new SluiceError(
      'CONFLICT',
      `This process can't listen on ${address} (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
  server.unref();
  return server;
}

function checkAddress(address: string): string {
  if (/^(\[[0-9a-f:.]+\]|[^:\s]*):\d{1,5}$/i.test(address)) return address;
  throw new InvalidArgumentError('It must be an address and a port, such as 127.0.0.1:7071.');
}
