import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ServerSpan, serverSpan } from '../base/tracing/tracing.ts';

/** Asked so often that they would drown the rest. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics', '/', '/assets/*']);

/** A span for every request; what it starts, jobs too, is part of it. Queries may hold secrets and are left out. */
export function traceRoutes(server: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, ServerSpan>();
  server.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url;
    const span = route !== undefined && UNTRACED.has(route) ? undefined : serverSpan(request.headers);
    if (!span) return done();
    spans.set(request, span);
    span.enter(done);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    if (span) {
      const { method, is404, routeOptions } = request;
      const route = is404 ? undefined : routeOptions.url;
      const { statusCode } = reply;
      span.set({
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': statusCode,
        'sluice.request.id': request.id,
        'enduser.id': request.identity?.name,
      });
      if (statusCode >= 500) span.fail(String(statusCode));
      span.end(route === undefined ? method : `${method} ${route}`);
    }
    done();
  });
}
