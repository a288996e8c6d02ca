import type { Registry } from 'prom-client';

/** What is known of a request once it is over. */
export interface Outcome {
  operation: string;
  target: string;
  status: number;
  seconds: number;
  /** Bytes from the client's body, and bytes sent to it. */
  received: number;
  sent: number;
}

export interface GatewayMetrics {
  readonly registry: Registry;
  started(): void;
  ended(outcome: Outcome): void;
}

/** Operations and targets are few; should they ever not be, the rest counts as "other". */
const MOST_SERIES = 2000;

/** Makes the gateway's metrics, in a registry of its own unless one is given. */
export async function createMetrics(registry?: Registry): Promise<GatewayMetrics> {
  const prometheus = await import('prom-client');
  const into = registry ?? new prometheus.Registry();
  const registers = [into];
  const requests = new prometheus.Counter({
    name: 'sluice_gateway_requests_total',
    help: 'Requests answered, by operation, target and HTTP status.',
    labelNames: ['operation', 'target', 'status'],
    registers,
  });
  const received = new prometheus.Counter({
    name: 'sluice_gateway_received_bytes_total',
    help: 'Bytes of request bodies.',
    labelNames: ['operation', 'target'],
    registers,
  });
  const sent = new prometheus.Counter({
    name: 'sluice_gateway_sent_bytes_total',
    help: 'Bytes sent to clients, with headers.',
    labelNames: ['operation', 'target'],
    registers,
  });
  const seconds = new prometheus.Histogram({
    name: 'sluice_gateway_request_seconds',
    help: 'Time from the request line to the end of the answer.',
    labelNames: ['operation', 'target', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const active = new prometheus.Gauge({
    name: 'sluice_gateway_active_requests',
    help: 'Requests being answered.',
    registers,
  });

  // Finding a series by its labels costs more than counting in it.
  const make = (operation: string, target: string, status: number) => ({
    requests: requests.labels(operation, target, String(status)),
    received: received.labels(operation, target),
    sent: sent.labels(operation, target),
    seconds: seconds.labels(operation, target, String(status)),
  });
  const series = new Map<string, ReturnType<typeof make>>();
  return {
    registry: into,
    started: () => active.inc(),
    ended(outcome) {
      active.dec();
      const { operation, status } = outcome;
      let { target } = outcome;
      let id = `${operation}\n${target}\n${status}`;
      let found = series.get(id);
      if (!found) {
        if (series.size >= MOST_SERIES) {
          target = 'other';
          id = `${operation}\n${target}\n${status}`;
        }
        found = series.get(id) ?? make(operation, target, status);
        series.set(id, found);
      }
      found.requests.inc();
      found.seconds.observe(outcome.seconds);
      if (outcome.received > 0) found.received.inc(outcome.received);
      if (outcome.sent > 0) found.sent.inc(outcome.sent);
    },
  };
}
