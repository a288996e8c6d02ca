import type { IncomingHttpHeaders } from 'node:http';
import { type RequestSpan, requestSpan } from '../../base/tracing/tracing.ts';
import type { Controller, Handler, WireRequest } from './connection.ts';

/** A request with its span, where there are traces; it ends with the answer. */
export function traced(request: WireRequest, handler: Handler): { request: WireRequest; handler: Handler } {
  const span = requestSpan(request.method, request.host);
  if (!span) return { request, handler };
  const headers = [...request.headers, ...span.headers];
  return { request: { ...request, headers }, handler: new TracedHandler(handler, span) };
}

class TracedHandler implements Handler {
  readonly #inner: Handler;
  readonly #span: RequestSpan;
  #status: number | undefined;

  constructor(inner: Handler, span: RequestSpan) {
    this.#inner = inner;
    this.#span = span;
  }

  get over(): boolean {
    return this.#inner.over;
  }

  onStart(controller: Controller): void {
    this.#inner.onStart(controller);
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#inner.onHead(status, headers);
  }

  onData(chunk: Buffer): boolean {
    return this.#inner.onData(chunk);
  }

  onEnd(): void {
    this.#span.end(this.#status === undefined ? {} : { status: this.#status });
    this.#inner.onEnd();
  }

  onError(error: Error): void {
    this.#span.end({ error: (error as NodeJS.ErrnoException).code ?? error.name });
    this.#inner.onError(error);
  }
}
