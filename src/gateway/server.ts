import { SluiceError } from '../base/errors.ts';
import { createHandlers, refuseBroken } from './handler.ts';
import { HttpServer } from './http/server.ts';
import { DEFAULT_LIMITS, type GatewayOptions, type Limits, type Listen } from './options.ts';

/** S3 in front of Stores. */
export interface Gateway {
  /** Starts listening. @returns the addresses, with the ports that were given @throws SluiceError BAD_CONFIG */
  listen(): Promise<Listen[]>;
  /** Takes no new connections and ends those that are idle; requests get `grace` milliseconds to end by themselves. */
  close(grace?: number): Promise<void>;
}

/** @throws SluiceError BAD_CONFIG when nobody could use it */
export function createGateway(options: GatewayOptions): Gateway {
  if (options.clients.length === 0) {
    throw new SluiceError(
      'BAD_CONFIG',
      'The gateway has no clients: give at least one an access key, a secret key and rights (gateway.clients in sluice.yaml, gateway.client.<name>.… in properties).',
    );
  }
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const handlers = createHandlers(options, limits);
  const servers: HttpServer[] = [];

  return {
    async listen() {
      const addresses: Listen[] = [];
      for (const address of options.listen) {
        const handle = handlers(address.scheme);
        const server = new HttpServer({ limits, tls: options.tls, handle, refuse: refuseBroken });
        servers.push(server);
        addresses.push({ ...address, port: await startListening(server, address) });
      }
      return addresses;
    },
    async close(grace = 30_000) {
      await Promise.all(servers.splice(0).map((server) => server.close(grace)));
    },
  };
}

function startListening(server: HttpServer, { host, port }: Listen): Promise<number> {
  return server.listen(host, port).catch((error: NodeJS.ErrnoException) => {
    throw new SluiceError('BAD_CONFIG', `Cannot listen on ${host}:${port}: ${error.message}.`, {
      cause: error,
    });
  });
}
