import {
  type Attributes as ApiAttributes,
  type Span as ApiSpan,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { isError } from '../errors.ts';
import { traceRequests } from './requests.ts';
import type { Attributes, ServerSpan, Span, Tracer } from './tracing.ts';

/** OpenTelemetry's SDK; it reads the OTEL_* variables of sampling, batching, limits and the exporter by itself. */
export function openTelemetry(version: string): Tracer {
  const named = resourceFromAttributes({ 'service.name': 'sluice', 'service.version': version });
  const said = detectResources({ detectors: [envDetector] });
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(named).merge(said),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  const api = trace.getTracer('sluice', version);
  const requests = traceRequests(api);
  return {
    span(name, attributes, work) {
      return api.startActiveSpan(name, { attributes: defined(attributes) }, async (span) => {
        try {
          return await work(handle(span));
        } catch (error) {
          fail(span, isError(error) ? error.code : 'INTERNAL');
          throw error;
        } finally {
          span.end();
        }
      });
    },
    server(headers): ServerSpan {
      const parent = propagation.extract(ROOT_CONTEXT, headers);
      const span = api.startSpan('request', { kind: SpanKind.SERVER }, parent);
      return {
        ...handle(span),
        enter: (next) => context.with(trace.setSpan(parent, span), next),
        end(name) {
          span.updateName(name);
          span.end();
        },
      };
    },
    request: requests.follow,
    async close() {
      requests.stop();
      await provider.shutdown();
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

function handle(span: ApiSpan): Span {
  return {
    set: (attributes) => void span.setAttributes(defined(attributes)),
    fail: (code) => fail(span, code),
  };
}

/** Sentences of errors may name what is nobody else's business: codes do not. */
function fail(span: ApiSpan, code: string): void {
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

function defined(attributes: Attributes): ApiAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
