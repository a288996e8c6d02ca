import { connectionsOf } from '../base/connections.ts';
import { gatewayConnections } from '../gateway/routed.ts';
import { listenOf, type ServerSettings, serverSettings } from '../gateway/settings.ts';
import type { RoutingConfig } from '../router/mapping.ts';
import type { Router } from '../router/router.ts';
import { usage } from './errors.ts';
import type { Session } from './session.ts';

/** Options of `sluice route`; they come before what the configuration says. */
export interface RoutingOptions {
  listen?: string[];
  workers?: string;
  tlsCert?: string;
  tlsKey?: string;
  domain?: string[];
  bucketScheme?: string[];
  metrics?: string;
  accessLog?: boolean;
}

export interface Routing {
  router: Router;
  server: ServerSettings;
  close(): Promise<void>;
}

/** Reads the configuration of the command, in any of its formats. @throws SluiceError BAD_CONFIG, NOT_FOUND, USAGE */
export async function openRouting(session: Session, options: RoutingOptions): Promise<Routing> {
  const { config: file } = session.globals;
  const isYaml = file === undefined || /\.ya?ml$/i.test(file);
  const { config, server } = isYaml ? await ofYaml(session) : await ofProperties(file);
  for (const warning of config.warnings) session.output.note(`Warning: ${warning}`);
  const connections = gatewayConnections(config.connections);
  const [{ openStores }, { createRouter }] = await Promise.all([
    import('../app.ts'),
    import('../router/router.ts'),
  ]);
  const open = await openStores(connectionsOf(connections, { ...config.use }));
  return {
    router: createRouter({ ...config, connections }, open),
    server: withOptions(server, options),
    close: () => open.close(),
  };
}

async function ofYaml(session: Session): Promise<{ config: RoutingConfig; server: ServerSettings }> {
  const loaded = await session.loaded();
  const [{ requireValid }, { routingOfSection }] = await Promise.all([
    import('../config/load.ts'),
    import('../router/section.ts'),
  ]);
  requireValid(loaded);
  const { gateway, connections, use } = loaded.settings;
  const originOf = (path: string): string => originIn(loaded.origins, `gateway.${path}`);
  return { config: routingOfSection(gateway, connections, use, originOf), server: serverSettings(gateway) };
}

/** File and line of a setting, or of the first one inside it. */
function originIn(origins: ReadonlyMap<string, string>, path: string): string {
  const inside = (key: string): boolean => key === path || key.startsWith(`${path}.`);
  return [...origins].find(([key]) => inside(key))?.[1] ?? path;
}

async function ofProperties(file: string): Promise<{ config: RoutingConfig; server: ServerSettings }> {
  const { readRouting } = await import('../router/load.ts');
  return { config: await readRouting(file), server: serverSettings({}) };
}

function withOptions(server: ServerSettings, options: RoutingOptions): ServerSettings {
  const { listen, workers, tlsCert, tlsKey, domain, bucketScheme, metrics } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw usage('--tls-cert and --tls-key belong together.');
  }
  const changed: ServerSettings = { ...server };
  if (listen) changed.listen = listen.map((address) => listenOf(address, '--listen'));
  if (workers !== undefined) {
    changed.workers = Number(workers);
    if (!Number.isInteger(changed.workers) || changed.workers < 1)
      throw usage('--workers must be a number from 1.');
  }
  if (tlsCert !== undefined && tlsKey !== undefined) changed.tls = { cert: tlsCert, key: tlsKey };
  if (domain) changed.domains = domain;
  if (bucketScheme) {
    const pairs = bucketScheme.map((pair) => pair.split('='));
    if (pairs.some((pair) => pair.length !== 2)) throw usage('--bucket-scheme must be bucket=scheme.');
    changed.schemes = { ...changed.schemes, ...Object.fromEntries(pairs) };
  }
  if (metrics !== undefined) changed.metrics = metrics;
  if (options.accessLog === false) changed.accessLog = false;
  return changed;
}
