import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { SluiceError } from '../base/errors.ts';
import { errorXml } from './call.ts';
import { S3Error } from './errors.ts';
import { createHandlers, type Handler } from './handler.ts';
import { DEFAULT_LIMITS, type GatewayOptions, type Limits, type Listen } from './options.ts';

/** S3 in front of Stores. */
export interface Gateway {
  /** Starts listening. @returns the addresses, with the ports that were given @throws SluiceError BAD_CONFIG */
  listen(): Promise<Listen[]>;
  /** Takes no new connections and ends those that are idle; requests get `grace` milliseconds to end by themselves. */
  close(grace?: number): Promise<void>;
  /** Answers requests of a server that someone else runs. */
  handler(scheme: string): Handler;
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
  const handler = createHandlers(options, limits);
  const servers: Server[] = [];

  return {
    handler,
    async listen() {
      const addresses: Listen[] = [];
      for (const address of options.listen) {
        const server = makeServer(options, limits, handler(address.scheme));
        servers.push(server);
        addresses.push({ ...address, port: await startListening(server, address) });
      }
      return addresses;
    },
    async close(grace = 30_000) {
      const closed = servers.splice(0).map(
        (server) =>
          new Promise<void>((resolve) => {
            const idle = setInterval(() => server.closeIdleConnections(), 100);
            const last = setTimeout(() => server.closeAllConnections(), grace);
            server.close(() => {
              clearInterval(idle);
              clearTimeout(last);
              resolve();
            });
          }),
      );
      await Promise.all(closed);
    },
  };
}

function makeServer(options: GatewayOptions, limits: Limits, handle: Handler): Server {
  const settings = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTime,
    // Large bodies take their time; what is limited is silence (see idle).
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: 5000,
    noDelay: true,
    highWaterMark: 256 * 1024,
  };
  const server = options.tls
    ? createTlsServer({ ...settings, cert: options.tls.cert, key: options.tls.key, minVersion: 'TLSv1.2' })
    : createServer(settings);
  server.maxConnections = limits.connections;
  const running = new WeakMap<Socket, { incoming: IncomingMessage; response: ServerResponse }>();
  const take = (incoming: IncomingMessage, response: ServerResponse, waits: boolean): void => {
    running.set(incoming.socket, { incoming, response });
    // It is closing; a client that keeps asking would not find an idle moment to be told in.
    if (!server.listening) response.shouldKeepAlive = false;
    void handle(incoming, response, waits);
  };
  server.on('request', (incoming, response) => take(incoming, response, false));
  server.on('checkContinue', (incoming, response) => take(incoming, response, true));
  server.on('checkExpectation', (_incoming, response) => {
    const xml = errorXml(
      new S3Error('ExpectationFailed', 'Only "100-continue" can be expected.'),
      undefined,
      '',
    );
    response.writeHead(417, { 'content-type': 'application/xml', connection: 'close' }).end(xml);
  });
  server.on('clientError', answerBrokenRequest);
  server.setTimeout(limits.idleTime, (socket) => idle(socket, running.get(socket), limits.idleTime));
  return server;
}

/** Nothing went over this connection for a while: whose turn is it? */
function idle(
  socket: Socket,
  current: { incoming: IncomingMessage; response: ServerResponse } | undefined,
  time: number,
): void {
  const sending = current !== undefined && awaitsBytes(current.incoming);
  const taking = current !== undefined && current.response.writableLength > 0;
  const working = current !== undefined && !current.response.writableEnded && !sending && !taking;
  if (working) {
    // The target's: its Store has timeouts of its own.
    socket.setTimeout(time);
  } else if (sending && !current.response.headersSent) {
    answerRaw(
      socket,
      new S3Error(
        'RequestTimeout',
        'Your socket connection to the server was not read from or written to within the timeout period.',
      ),
    );
  } else socket.destroy();
}

/** Whether all of the body that has come was taken, and more is due: what the target does not take waits here. */
const awaitsBytes = (incoming: IncomingMessage): boolean =>
  !incoming.complete && incoming.readableLength === 0;

/** What Node's parser refuses gets an S3 error too. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      answerRaw(
        socket,
        new S3Error(
          'RequestHeaderSectionTooLarge',
          'Your request header section exceeds the maximum allowed size.',
        ),
      );
      break;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      answerRaw(socket, new S3Error('RequestTimeout', 'Your headers did not come in time.'));
      break;
    case 'ECONNRESET':
    case 'EPIPE':
      socket.destroy();
      break;
    default:
      answerRaw(socket, new S3Error('BadRequest', 'An error occurred when parsing the HTTP request.'));
  }
}

function answerRaw(socket: Socket, error: S3Error): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const xml = errorXml(error, undefined, '');
  socket.end(
    `HTTP/1.1 ${error.status} Bad Request\r\ncontent-type: application/xml\r\ncontent-length: ${Buffer.byteLength(xml)}\r\nconnection: close\r\n\r\n${xml}`,
    () => setTimeout(() => socket.destroy(), 1000).unref(),
  );
}

async function startListening(server: Server, { host, port }: Listen): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SluiceError('BAD_CONFIG', `Cannot listen on ${host}:${port}: ${error.message}.`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, host, 4096, resolve);
  });
  return (server.address() as { port: number }).port;
}
