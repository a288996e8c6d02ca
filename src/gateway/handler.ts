import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from './authenticate.ts';
import { Call, errorXml, type Services } from './call.ts';
import { clientTable } from './clients.ts';
import { operationOf } from './dispatch.ts';
import { S3Error, toS3Error } from './errors.ts';
import type { GatewayOptions, Limits } from './options.ts';
import { parseRequest, type S3Request } from './request.ts';
import { SigningKeys } from './signature.ts';
import { Tokens } from './tokens.ts';

/** Answers one request. @param waits whether the client waits for "100 Continue" before it sends the body */
export type Handler = (incoming: IncomingMessage, response: ServerResponse, waits?: boolean) => Promise<void>;

/** No bucket is called so: its name is too short. For load balancers; says nothing but that the process lives. */
export const HEALTH_PATH = '/-/health';

/** Bytes and milliseconds of a refused body that are still read, so that the client gets to see the answer. */
const DRAIN_BYTES = 8 * 1024 * 1024;
const DRAIN_TIME = 5000;

/** What is written down of a request. */
interface Trace {
  id: string;
  started: number;
  sentBefore: number;
  operation: string;
  request?: S3Request;
  scheme: string;
  client?: string;
  code?: string;
  cause?: string;
}

/** Makes the handlers of a gateway, one for each scheme; they share keys, limits and counters. */
export function createHandlers(options: GatewayOptions, limits: Limits): (scheme: string) => Handler {
  const clients = clientTable(options.clients);
  const keys = new SigningKeys();
  const services: Services = {
    buckets: options.buckets,
    tokens: new Tokens(options.tokenSecret, options.clients),
    region: options.region ?? 'us-east-1',
  };
  const domains = (options.domains ?? []).map((domain) => domain.toLowerCase());
  const { schemes, metrics, accessLog } = options;
  const nextId = requestIds();
  let active = 0;

  const answer = async (
    incoming: IncomingMessage,
    response: ServerResponse,
    beforeRead: () => void,
    trace: Trace,
  ): Promise<void> => {
    let call: Call | undefined;
    try {
      if (active > limits.requests) throw new S3Error('SlowDown', 'Please reduce your request rate.');
      const request = parseRequest(incoming, domains);
      trace.request = request;
      if (schemes) trace.scheme = schemes[request.bucket] ?? trace.scheme;
      const auth = authenticate(request, clients, keys);
      trace.client = auth.client.name;
      const operation = operationOf(request);
      trace.operation = operation.name;
      call = new Call(request, trace.scheme, auth, services, trace.id, incoming, response, beforeRead);
      if (request.bucket !== '') await call.open();
      await operation.run(call);
    } catch (thrown) {
      const failed = call?.bodyFailure ?? thrown;
      const error = toS3Error(failed);
      trace.code = error.code;
      if (error.status >= 500 && thrown instanceof Error) trace.cause = thrown.message;
      refuse(error, incoming, response, trace);
    }
  };

  const end = (incoming: IncomingMessage, response: ServerResponse, trace: Trace, sent: number): void => {
    const { operation, request, scheme } = trace;
    const status = response.headersSent ? response.statusCode : 499;
    const milliseconds = performance.now() - trace.started;
    const bucket = request?.bucket ?? '';
    const key = request?.key ?? '';
    const { headers } = incoming;
    const received = Number(headers['content-length'] ?? headers['x-amz-decoded-content-length'] ?? 0) || 0;
    const target =
      trace.client === undefined ? '' : (options.targetOf?.(scheme, bucket, key) ?? `${scheme}://${bucket}`);
    metrics?.ended({ operation, target, status, seconds: milliseconds / 1000, received, sent });
    accessLog?.info({
      id: trace.id,
      client: trace.client,
      address: incoming.socket?.remoteAddress,
      operation,
      scheme,
      bucket,
      key,
      status,
      code: trace.code,
      cause: trace.cause,
      ms: Math.round(milliseconds * 10) / 10,
      received,
      sent,
    });
  };

  return (scheme) => async (incoming, response, waits) => {
    if (incoming.url === HEALTH_PATH) {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 3 }).end('ok\n');
      return;
    }
    const { socket } = incoming;
    const trace: Trace = {
      id: nextId(),
      started: performance.now(),
      sentBefore: socket.bytesWritten,
      operation: 'Unknown',
      scheme,
    };
    active++;
    metrics?.started();
    // A client that is gone is no news; 'close' says it.
    response.on('error', ignore);
    response.once('close', () => {
      active--;
      if (metrics || accessLog) end(incoming, response, trace, socket.bytesWritten - trace.sentBefore);
    });
    let asked = false;
    const beforeRead = () => {
      if (waits && !asked) response.writeContinue();
      asked = true;
    };
    try {
      await answer(incoming, response, beforeRead, trace);
    } catch {
      // What is left is an error that could not even be written down.
      response.destroy();
    }
  };
}

/** Writes an error, unless the answer has begun; then the connection ends, so that it cannot pass for a whole one. */
function refuse(error: S3Error, incoming: IncomingMessage, response: ServerResponse, trace: Trace): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { id, request } = trace;
  const headers = [...error.headers, 'x-amz-request-id', id];
  if (error.status === 304 || incoming.method === 'HEAD') {
    response.writeHead(error.status, headers).end();
    return;
  }
  const xml = errorXml(error, request ?? { path: (incoming.url ?? '/').split('?')[0]! }, id);
  headers.push('content-type', 'application/xml', 'content-length', String(Buffer.byteLength(xml)));
  if (error.status === 503) headers.push('retry-after', '1');
  const unread =
    Number(incoming.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in incoming.headers;
  if (incoming.complete || !unread) {
    response.writeHead(error.status, headers).end(xml);
    return;
  }
  response.writeHead(error.status, [...headers, 'connection', 'close']);
  response.write(xml);
  drain(incoming, () => response.end());
}

/** A connection that closes with bytes unread is reset, and the client may never see why. */
function drain(incoming: IncomingMessage, done: () => void): void {
  let left = DRAIN_BYTES;
  const timer = setTimeout(done, DRAIN_TIME);
  const finish = () => {
    clearTimeout(timer);
    done();
  };
  incoming.removeAllListeners('data');
  incoming.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish();
  });
  incoming.once('end', finish);
  incoming.once('close', finish);
  incoming.resume();
}

function ignore(): void {}

/** Ids that differ between processes and restarts, without asking for random bytes each time. */
function requestIds(): () => string {
  const start = randomBytes(6).toString('hex').toUpperCase();
  let count = 0;
  return () => start + (count++ % 0x1_0000_0000).toString(16).toUpperCase().padStart(8, '0');
}
