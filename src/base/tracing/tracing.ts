import { VERSION } from '../version.ts';

/**
 * OpenTelemetry traces, by the standard environment variables. Until `startTracing` has found some, nothing of
 * OpenTelemetry is loaded and every call here goes straight through.
 */
export type Attributes = Record<string, string | number | boolean | undefined>;

export interface Span {
  set(attributes: Attributes): void;
  /** Marks what failed; `code` is that of a SluiceError or an HTTP status. */
  fail(code: string): void;
}

/** A request that is being answered. */
export interface ServerSpan extends Span {
  /** Runs what belongs to the request. */
  enter(next: () => void): void;
  end(name: string): void;
}

/** A request that goes out. */
export interface RequestSpan {
  /** What tells the other side which trace it is part of: name, value, … */
  headers: string[];
  end(outcome: { status?: number; error?: string }): void;
}

export interface Tracer {
  span<T>(name: string, attributes: Attributes, work: (span: Span) => Promise<T>): Promise<T>;
  /** @param headers of the request: `traceparent` and `tracestate` (W3C Trace Context) say what it is part of */
  server(headers: Readonly<Record<string, string | string[] | undefined>>): ServerSpan;
  /** @returns undefined for a request that belongs to nothing that is traced */
  request(method: string, host: string): RequestSpan | undefined;
  close(): Promise<void>;
}

const NO_SPAN: Span = { set() {}, fail() {} };
let tracer: Tracer | undefined;

/** Does some work in a span of its own; what it throws marks the span as failed. Attributes hold no secrets. */
export async function traced<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return await (tracer ? tracer.span(name, attributes, work) : work(NO_SPAN));
}

/** The span of a request that comes in; undefined when there are no traces. */
export function serverSpan(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): ServerSpan | undefined {
  return tracer?.server(headers);
}

/** The span of a request that our own HTTP sends; those of undici and node:http are followed by themselves. */
export function requestSpan(method: string, host: string): RequestSpan | undefined {
  return tracer?.request(method, host);
}

/**
 * Begins to trace when the environment asks for it: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
 * is set, OTEL_SDK_DISABLED is not true and OTEL_TRACES_EXPORTER is not none.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * @returns sends what is left, and ends tracing; undefined when nobody asked
 */
export async function startTracing(
  env: NodeJS.ProcessEnv = process.env,
): Promise<(() => Promise<void>) | undefined> {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const off = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  if (!endpoint || off || tracer) return undefined;
  const { openTelemetry } = await import('./open-telemetry.ts');
  const mine = openTelemetry(VERSION);
  tracer = mine;
  return async () => {
    tracer = undefined;
    await mine.close();
  };
}
