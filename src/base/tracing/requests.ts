import { type Channel, channel } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import {
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { RequestSpan } from './tracing.ts';

/** Requests of one span that get a span each; of further ones only those that are slow or fail. */
const EACH = 20;
const SLOW_MS = 1000;

/** How many requests a span has made so far. */
const made = new WeakMap<Span, number>();

/** One request that goes out: to an object store, a lake, a vector database, a webhook. */
interface Outgoing {
  span: Span | undefined;
  parent: Context;
  startedAt: number;
  method: string;
  host: string;
}

interface UndiciRequest {
  origin?: string | URL;
  method: string;
  addHeader(name: string, value: string): void;
}

/**
 * Follows requests of undici (Node's fetch, too) and of node:http by the channels that these tell of them on. An address
 * may be signed and a path may name anything, so a span has the method, the host and the status only.
 * @returns what follows other requests, and what stops it all
 */
export function traceRequests(tracer: Tracer): {
  follow: (method: string, host: string) => RequestSpan | undefined;
  stop: () => void;
} {
  const open = new WeakMap<object, Outgoing>();
  const begin = (
    key: object,
    method: string,
    host: string,
    send: (name: string, value: string) => void,
  ): void => {
    const parent = context.active();
    const around = trace.getSpan(parent);
    // Requests that belong to nothing (a lease that is renewed, a poll) are not worth a trace each.
    if (!around?.isRecording()) return;
    const count = (made.get(around) ?? 0) + 1;
    made.set(around, count);
    const outgoing: Outgoing = { span: undefined, parent, startedAt: Date.now(), method, host };
    if (count <= EACH) outgoing.span = start(tracer, outgoing);
    open.set(key, outgoing);
    const carrier: Record<string, string> = {};
    propagation.inject(outgoing.span ? trace.setSpan(parent, outgoing.span) : parent, carrier);
    for (const [name, value] of Object.entries(carrier)) send(name, value);
  };
  const end = (key: object, outcome: { status?: number; error?: string }): void => {
    const outgoing = open.get(key);
    if (!outgoing) return;
    open.delete(key);
    const { status, error } = outcome;
    const failed = error ?? (status !== undefined && status >= 500 ? String(status) : undefined);
    const slow = Date.now() - outgoing.startedAt >= SLOW_MS;
    const span = outgoing.span ?? (failed !== undefined || slow ? start(tracer, outgoing) : undefined);
    if (!span) return;
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (failed !== undefined) {
      span.setAttribute('error.type', failed);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  };

  const statuses = new WeakMap<object, number>();
  const subscriptions: [Channel, (message: unknown) => void][] = [];
  const on = <Message>(name: string, listener: (message: Message) => void): void => {
    const known = channel(name);
    const heard = (message: unknown): void => listener(message as Message);
    known.subscribe(heard);
    subscriptions.push([known, heard]);
  };
  on<{ request: UndiciRequest }>('undici:request:create', ({ request }) => {
    begin(request, request.method, hostOf(request.origin), (name, value) => request.addHeader(name, value));
  });
  on<{ request: object; response: { statusCode: number } }>(
    'undici:request:headers',
    ({ request, response }) => {
      statuses.set(request, response.statusCode);
    },
  );
  on<{ request: object }>('undici:request:trailers', ({ request }) => {
    const status = statuses.get(request);
    end(request, status === undefined ? {} : { status });
  });
  on<{ request: object; error: Error }>('undici:request:error', ({ request, error }) => {
    end(request, { error: (error as NodeJS.ErrnoException).code ?? error.name });
  });
  on<{ request: ClientRequest }>('http.client.request.created', ({ request }) => {
    begin(request, request.method, request.host, (name, value) => {
      if (!request.headersSent) request.setHeader(name, value);
    });
  });
  on<{ request: ClientRequest; response: IncomingMessage }>('http.client.response.finish', (message) => {
    const { statusCode } = message.response;
    end(message.request, statusCode === undefined ? {} : { status: statusCode });
  });
  on<{ request: ClientRequest; error: Error }>('http.client.request.error', ({ request, error }) => {
    end(request, { error: (error as NodeJS.ErrnoException).code ?? error.name });
  });
  return {
    follow(method, host) {
      const key = {};
      const headers: string[] = [];
      begin(key, method, host, (name, value) => headers.push(name, value));
      return open.has(key) ? { headers, end: (outcome) => end(key, outcome) } : undefined;
    },
    stop() {
      for (const [known, heard] of subscriptions) known.unsubscribe(heard);
    },
  };
}

function start(tracer: Tracer, { parent, startedAt, method, host }: Outgoing): Span {
  return tracer.startSpan(
    method,
    {
      kind: SpanKind.CLIENT,
      startTime: startedAt,
      attributes: { 'http.request.method': method, 'server.address': host },
    },
    parent,
  );
}

function hostOf(origin: string | URL | undefined): string {
  try {
    return new URL(String(origin)).host;
  } catch {
    return '';
  }
}
