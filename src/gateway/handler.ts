import { randomBytes } from 'node:crypto';
import { authenticate } from './authenticate.ts';
import { Call, errorXml, type Services } from './call.ts';
import { clientTable } from './clients.ts';
import { operationOf } from './dispatch.ts';
import { S3Error, toS3Error } from './errors.ts';
import type { Answer } from './http/answer.ts';
import type { Incoming } from './http/incoming.ts';
import type { GatewayOptions, Limits } from './options.ts';
import { parseRequest, type S3Request } from './request.ts';
import { SigningKeys } from './signature.ts';
import { Tokens } from './tokens.ts';

/** Answers one request. */
export type Handler = (incoming: Incoming, answer: Answer) => void;

/** No bucket is called so: its name is too short. For load balancers; says nothing but that the process lives. */
export const HEALTH_PATH = '/-/health';

/** What is written down of a request. */
interface Trace {
  id: string;
  started: number;
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

  const run = async (incoming: Incoming, answer: Answer, trace: Trace): Promise<void> => {
    let call: Call | undefined;
    try {
      if (active > limits.requests) throw new S3Error('SlowDown', 'Please reduce your request rate.');
      const request = parseRequest(incoming.head, domains);
      trace.request = request;
      if (schemes) trace.scheme = schemes[request.bucket] ?? trace.scheme;
      const auth = authenticate(request, clients, keys);
      trace.client = auth.client.name;
      const operation = operationOf(request);
      trace.operation = operation.name;
      call = new Call(request, trace.scheme, auth, services, trace.id, incoming, answer);
      if (request.bucket !== '') await call.open();
      await operation.run(call);
    } catch (thrown) {
      const failed = call?.bodyFailure ?? thrown;
      const error = toS3Error(failed);
      trace.code = error.code;
      if (error.status >= 500 && thrown instanceof Error) trace.cause = thrown.message;
      refuse(error, incoming, answer, trace);
    }
  };

  const end = (incoming: Incoming, answer: Answer, trace: Trace): void => {
    const { operation, request, scheme } = trace;
    const { sent } = answer;
    // The client was gone before it could be answered.
    const status = answer.begun ? answer.status : 499;
    const milliseconds = performance.now() - trace.started;
    const bucket = request?.bucket ?? '';
    const key = request?.key ?? '';
    const { headers } = incoming.head;
    const received = Number(headers['content-length'] ?? headers['x-amz-decoded-content-length'] ?? 0) || 0;
    const target =
      trace.client === undefined ? '' : (options.targetOf?.(scheme, bucket, key) ?? `${scheme}://${bucket}`);
    metrics?.ended({ operation, target, status, seconds: milliseconds / 1000, received, sent });
    accessLog?.info({
      id: trace.id,
      client: trace.client,
      address: incoming.address,
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

  return (scheme) => (incoming, answer) => {
    const { target, expects } = incoming.head;
    if (target === HEALTH_PATH) {
      answer.send(200, ['content-type', 'text/plain', 'content-length', '3'], Buffer.from('ok\n'));
      return;
    }
    const trace: Trace = { id: nextId(), started: performance.now(), operation: 'Unknown', scheme };
    active++;
    metrics?.started();
    answer.onClose = () => {
      active--;
      if (metrics || accessLog) end(incoming, answer, trace);
    };
    if (expects !== undefined && expects !== '100-continue') {
      refuse(
        new S3Error('ExpectationFailed', 'Only "100-continue" can be expected.'),
        incoming,
        answer,
        trace,
      );
      return;
    }
    // What is left is an error that could not even be written down.
    run(incoming, answer, trace).catch(() => answer.destroy());
  };
}

/** Writes an error, unless the answer has begun; then the connection ends, so that it cannot pass for a whole one. */
function refuse(error: S3Error, incoming: Incoming, answer: Answer, trace: Trace): void {
  if (answer.destroyed || answer.ended) return;
  if (answer.begun) {
    answer.destroy();
    return;
  }
  const { id, request } = trace;
  const { method, target } = incoming.head;
  const headers = [...error.headers, 'x-amz-request-id', id];
  if (error.status === 304 || method === 'HEAD') answer.send(error.status, headers);
  else sendError(answer, error, headers, request ?? { path: target.split('?')[0]! }, id);
}

/** Answers what is no request. */
export function refuseBroken(answer: Answer, error: S3Error): void {
  if (answer.destroyed || answer.begun) answer.destroy();
  else sendError(answer, error, [], undefined, '');
}

function sendError(
  answer: Answer,
  error: S3Error,
  headers: string[],
  request: { path: string } | undefined,
  id: string,
): void {
  const xml = Buffer.from(errorXml(error, request, id));
  headers.push('content-type', 'application/xml', 'content-length', String(xml.length));
  if (error.status === 503) headers.push('retry-after', '1');
  answer.send(error.status, headers, xml);
}

/** Ids that differ between processes and restarts, without asking for random bytes each time. */
function requestIds(): () => string {
  const start = randomBytes(6).toString('hex').toUpperCase();
  let count = 0;
  return () => start + (count++ % 0x1_0000_0000).toString(16).toUpperCase().padStart(8, '0');
}
