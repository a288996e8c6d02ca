import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { S3Error } from '../errors.ts';
import type { Limits } from '../options.ts';
import type { Answer } from './answer.ts';
import { ClientConnection, type Host } from './connection.ts';
import type { Incoming } from './incoming.ts';

export interface HttpOptions {
  limits: Limits;
  /** PEM. */
  tls?: { cert: string | Buffer; key: string | Buffer } | undefined;
  /** Answers a request. */
  handle(incoming: Incoming, answer: Answer): void;
  /** Answers what is no request. */
  refuse(answer: Answer, error: S3Error): void;
}

/** Milliseconds between two looks at who takes too long; shorter where the limits are. */
const SWEEP = 2000;

/** Milliseconds that idle connections are kept when it closes. */
const IDLE_GRACE = 100;

/** Listens at one address, and speaks HTTP/1.1 with all who come. */
export class HttpServer implements Host {
  readonly limits: Limits;
  readonly #options: HttpOptions;
  readonly #server: Server;
  readonly #connections = new Set<ClientConnection>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: HttpOptions) {
    this.limits = options.limits;
    this.#options = options;
    // A client may end its side and still read the answer.
    const settings = { noDelay: true, highWaterMark: 256 * 1024, allowHalfOpen: true };
    const take = (socket: Socket): void => {
      this.#connections.add(new ClientConnection(socket, this));
    };
    this.#server = options.tls
      ? createTlsServer(
          {
            ...settings,
            cert: options.tls.cert,
            key: options.tls.key,
            minVersion: 'TLSv1.2',
            ALPNProtocols: ['http/1.1'],
            handshakeTimeout: options.limits.headerTime,
          },
          take,
        )
      : createServer(settings, take);
    this.#server.maxConnections = options.limits.connections;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** @returns the port @throws the socket's error */
  async listen(host: string, port: number): Promise<number> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, 4096, () => {
        server.off('error', reject);
        // A connection that could not be taken: the others go on.
        server.on('error', () => undefined);
        resolve();
      });
    });
    const interval = Math.min(SWEEP, this.limits.headerTime / 4);
    this.#sweep = setInterval(() => {
      const now = performance.now();
      for (const connection of this.#connections) connection.sweep(now);
    }, interval).unref();
    return (server.address() as { port: number }).port;
  }

  /** Takes no new connections, ends the idle ones, and after `grace` milliseconds all. */
  async close(grace: number): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    // A request may be on its way over a connection that is idle; its client is to be told, not cut off.
    const idle = setTimeout(() => {
      for (const connection of this.#connections) connection.endWhenIdle();
    }, IDLE_GRACE);
    const last = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
    }, grace);
    await closed;
    clearTimeout(idle);
    clearTimeout(last);
    clearInterval(this.#sweep);
  }

  handle(incoming: Incoming, answer: Answer): void {
    this.#options.handle(incoming, answer);
  }

  refuse(answer: Answer, error: S3Error): void {
    this.#options.refuse(answer, error);
  }

  gone(connection: ClientConnection): void {
    this.#connections.delete(connection);
  }
}
