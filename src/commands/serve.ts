import { once } from 'node:events';
import type { Command } from 'commander';
import type { Registry } from 'prom-client';
import { requireValid } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { runs, type Session } from './session.ts';

export function define(command: Command): void {
  command
    .option('--listen <address>', 'host:port (else service.listen, 127.0.0.1:7070)')
    .addHelpText(
      'after',
      `
Ends on SIGTERM or Ctrl-C: running jobs are left as they are and go on with the next start.

Examples:
  sluice serve --config sluice.yaml
  curl http://127.0.0.1:7070/v1/jobs
  sluice keys create ci --role run --role read     # for service.auth: keys`,
    )
    .action(
      runs<{ listen?: string }>(async (session, _args, { listen }) => {
        const settings = await serviceSettings(session, listen);
        const { startService } = await import('../service/server.ts');
        const service = await startService(await session.app(settings));
        try {
          session.output.note(`Sluice listens on ${service.url}`);
          const closeGateway = settings.service.gateway
            ? await withGateway(session, service.service.metrics.registry)
            : undefined;
          if (!session.signal.aborted) await once(session.signal, 'abort');
          await closeGateway?.();
        } finally {
          await service.close();
        }
      }),
    );
}

async function serviceSettings(session: Session, listen: string | undefined): Promise<Settings> {
  const loaded = await session.loaded();
  requireValid(loaded);
  const { withTableConnections } = await import('../service/tables.ts');
  const settings = withTableConnections(loaded.settings);
  return {
    ...settings,
    // A service that says nothing of what it does is hard to run; whoever set a level gets that one.
    log_level: loaded.origins.has('log_level') ? settings.log_level : 'info',
    service: { ...settings.service, listen: listen ?? settings.service.listen },
  };
}

/** The gateway of the same configuration, in this process. */
async function withGateway(session: Session, registry: Registry): Promise<() => Promise<void>> {
  const [{ openRouting }, { announce, startGateway }, { createMetrics }] = await Promise.all([
    import('./route-config.ts'),
    import('./route-serve.ts'),
    import('../gateway/metrics.ts'),
  ]);
  const routing = await openRouting(session, {});
  try {
    const { gateway, listening } = await startGateway(routing, await createMetrics(registry));
    announce(session, listening, routing.server.tls !== undefined);
    return async () => {
      await gateway.close();
      await routing.close();
    };
  } catch (error) {
    await routing.close();
    throw error;
  }
}
