import type { Connection } from '../base/connections.ts';
import type { RoutingConfig } from '../router/mapping.ts';
import type { Router } from '../router/router.ts';
import type { GatewayOptions } from './options.ts';
import { createGateway, type Gateway } from './server.ts';

/** A gateway in front of a router: its buckets, its clients, and its targets' names in the metrics. */
export function createRoutedGateway(
  router: Router,
  options: Omit<GatewayOptions, 'buckets' | 'clients' | 'targetOf'>,
): Gateway {
  return createGateway({
    ...options,
    buckets: router,
    clients: router.config.clients,
    targetOf: targetNames(router.config),
  });
}

/** The target's prefix that takes a URI: as few names as the configuration has. */
function targetNames(config: RoutingConfig): (scheme: string, bucket: string, key: string) => string {
  return (scheme, bucket, key) => {
    const uri = `${scheme}://${bucket}/${key}`;
    const mapping = config.mappings.find(({ replace }) => uri.startsWith(replace));
    return mapping?.with ?? config.defaults[scheme]?.with ?? '';
  };
}

/**
 * Connections as a gateway wants them: a put of known size goes to the target in one request, as the client sent
 * it, so that its ETag is what the client expects and nothing is held here.
 */
export function gatewayConnections(connections: readonly Connection[]): Connection[] {
  return connections.map((connection) =>
    connection.type === 's3' ? { multipart_threshold: '5GiB', ...connection } : connection,
  );
}
