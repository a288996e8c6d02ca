import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { broken, Connection, type Handler, type Home, type WireRequest } from './connection.ts';
import { traced } from './traced.ts';

/** Times are milliseconds. */
export interface PoolOptions {
  /** Sockets at once; what comes beyond waits. */
  connections: number;
  connectTimeout: number;
  /** The longest silence, before an answer begins and inside it. */
  timeout: number;
  /** How long an unused connection is kept. */
  keep: number;
  ca?: string | undefined;
  insecure?: boolean | undefined;
  lookup?: LookupFunction | undefined;
}

/** The pool was closed before the answer had come. */
export class PoolClosed extends Error {}

/** Sends requests to one origin, over connections that are kept. */
export class WirePool implements Home {
  readonly #url: URL;
  readonly #options: PoolOptions;
  readonly #open = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** Ends what is being connected. */
  readonly #connecting = new Set<(error: Error) => void>();
  readonly #waiting: { request: WireRequest; handler: Handler }[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #session: Buffer | undefined;
  #closed = false;

  /** @param origin `http://host[:port]` or `https://…` */
  constructor(origin: string, options: PoolOptions) {
    this.#url = new URL(origin);
    this.#options = options;
  }

  send(asked: WireRequest, waiting: Handler): void {
    if (this.#closed) {
      waiting.onError(new PoolClosed());
      return;
    }
    const { request, handler } = traced(asked, waiting);
    const kept = this.#kept();
    if (kept) kept.start(request, handler);
    else if (this.#open.size < this.#options.connections) this.#connect(request, handler);
    else this.#waiting.push({ request, handler });
  }

  /** Closes every connection; what is under way or waits fails with PoolClosed. */
  destroy(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const connection of [...this.#open]) connection.destroy(new PoolClosed());
    for (const fail of [...this.#connecting]) fail(new PoolClosed());
    for (const { handler } of this.#waiting.splice(0)) handler.onError(new PoolClosed());
  }

  idle(connection: Connection): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next.handler.over) continue;
      connection.start(next.request, next.handler);
      return;
    }
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#sweepIdle(), 5000).unref();
  }

  gone(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const next = this.#closed ? undefined : this.#waiting.shift();
    if (next) this.#connect(next.request, next.handler);
  }

  /** The one used last: the others may then grow old. */
  #kept(): Connection | undefined {
    for (let kept = this.#idle.pop(); kept; kept = this.#idle.pop()) {
      if (kept.idleUntil > performance.now()) return kept;
      kept.destroy(new PoolClosed());
    }
    return undefined;
  }

  #sweepIdle(): void {
    const now = performance.now();
    for (const old of this.#idle.filter(({ idleUntil }) => idleUntil <= now)) old.destroy(new PoolClosed());
    if (this.#open.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #connect(request: WireRequest, handler: Handler): void {
    const { connectTimeout, timeout, keep } = this.#options;
    const connection = new Connection(this, timeout, keep);
    this.#open.add(connection);
    const socket = this.#socket(connection);
    const failed = (error: Error): void => {
      if (!settled()) return;
      socket.destroy();
      this.gone(connection);
      handler.onError(error);
    };
    const settled = (): boolean => {
      clearTimeout(timer);
      return this.#connecting.delete(failed);
    };
    this.#connecting.add(failed);
    const timer = setTimeout(
      () => failed(broken('ETIMEDOUT', 'no connection could be made in time')),
      connectTimeout,
    );
    socket.on('error', failed);
    socket.on('close', () => failed(broken('ECONNRESET', 'the connection was closed before it was ready')));
    socket.once(this.#url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      if (!settled()) return;
      connection.use(socket);
      if (handler.over) this.idle(connection);
      else connection.start(request, handler);
    });
  }

  #socket({ onread }: Connection): Socket {
    const { protocol, hostname, port } = this.#url;
    const { lookup, ca, insecure } = this.#options;
    const tls = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/g, '');
    const options = {
      host,
      port: Number(port) || (tls ? 443 : 80),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      highWaterMark: 256 * 1024,
      onread,
      ...(lookup && { lookup }),
    };
    if (!tls) return connect(options);
    const socket: TLSSocket = connectTls({
      ...options,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== undefined && { ca }),
      ...(insecure === true && { rejectUnauthorized: false }),
      ...(this.#session && { session: this.#session }),
    });
    return socket.on('session', (session) => {
      this.#session = session;
    });
  }
}
