import type { Counter, Registry } from 'prom-client';
import { isError } from '../base/errors.ts';
import type { Engine, JobEvent } from '../jobs/engine.ts';
import type { EventHub } from '../jobs/events.ts';
import { isFinal, type JobRecord } from '../jobs/job.ts';

export interface ServiceMetrics {
  readonly registry: Registry;
  /** A request was answered. `route` is the pattern, not the path. */
  answered(route: string, method: string, status: number, seconds: number): void;
}

const DURATIONS = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600];

/** Counts what the jobs of this process do, and its requests; with Weaviate's own names for exports of vectors. */
export async function createServiceMetrics(
  engine: Engine,
  hub: EventHub,
  registry?: Registry,
): Promise<ServiceMetrics> {
  const prometheus = await import('prom-client');
  const into = registry ?? new prometheus.Registry();
  const registers = [into];
  prometheus.collectDefaultMetrics({ register: into });
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new prometheus.Counter({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, labelNames: T[], buckets = DURATIONS) =>
    new prometheus.Histogram({ name, help, labelNames, buckets, registers });

  const jobs = {
    ended: counter('sluice_jobs_total', 'Jobs that ended, by kind and status.', ['kind', 'status']),
    running: new prometheus.Gauge({
      name: 'sluice_jobs_running',
      help: 'Jobs that run or wait for their turn.',
      labelNames: ['kind'],
      registers,
    }),
    objects: counter('sluice_objects_total', 'Objects, rows or tables done.', ['kind']),
    bytes: counter('sluice_bytes_total', 'Bytes moved.', ['kind']),
    seconds: histogram('sluice_job_seconds', 'From start to end of a job.', ['kind', 'status']),
  };
  const exports = {
    objects: counter('weaviate_export_objects_total', 'Objects exported from Weaviate.', []),
    operations: counter('weaviate_export_operations_total', 'Exports from Weaviate, by status.', ['status']),
    seconds: histogram('weaviate_export_duration_seconds', 'From start to end of an export.', []),
    coordination: histogram(
      'weaviate_export_coordination_duration_seconds',
      'From the start of an export to its first object: choosing classes, counting, planning.',
      [],
      [0.05, 0.1, 0.5, 1, 5, 15, 60, 300],
    ),
  };
  const requests = histogram(
    'sluice_http_request_seconds',
    'Requests answered, by route, method and status.',
    ['route', 'method', 'status'],
    [0.005, 0.025, 0.1, 0.25, 1, 5, 30],
  );

  const seen = new Map<string, JobRecord>();
  const grown = (record: JobRecord): void => {
    const before = seen.get(record.id);
    seen.set(record.id, record);
    add(jobs.objects, record, before, 'objects', record.kind);
    add(jobs.bytes, record, before, 'bytes', record.kind);
    if (record.kind === 'vector-export') add(exports.objects, record, before, 'objects');
  };
  const begin = (record: JobRecord): void => {
    // What a job had done before it was resumed was counted then.
    seen.set(record.id, record);
    jobs.running.inc({ kind: record.kind });
  };
  const onStatus = (record: JobRecord): void => {
    const { kind, status } = record;
    if (!isFinal(status)) {
      if (!seen.has(record.id)) begin(record);
      if (status === 'TRANSFERRING' && kind === 'vector-export') {
        exports.coordination.observe((Date.now() - (record.startedAt ?? record.createdAt)) / 1000);
      }
      return;
    }
    if (seen.has(record.id)) jobs.running.dec({ kind });
    grown(record);
    seen.delete(record.id);
    jobs.ended.inc({ kind, status });
    const seconds = ((record.completedAt ?? Date.now()) - (record.startedAt ?? record.createdAt)) / 1000;
    jobs.seconds.observe({ kind, status }, seconds);
    if (kind !== 'vector-export') return;
    exports.operations.inc({ status });
    exports.seconds.observe(seconds);
  };
  const take = async (event: JobEvent): Promise<void> => {
    // What another service runs it counts itself.
    if (event.type === 'part' || event.elsewhere) return;
    const record = await engine.get(event.id);
    if (event.type === 'status') onStatus({ ...record, status: event.status });
    else if (seen.has(event.id)) grown({ ...record, progress: event.progress });
  };
  void (async () => {
    for await (const event of hub.listen()) {
      await take(event).catch((error: unknown) => {
        if (!isError(error)) throw error;
      });
    }
  })().catch(() => undefined);

  return {
    registry: into,
    answered: (route, method, status, seconds) =>
      requests.observe({ route, method, status: String(status) }, seconds),
  };
}

function add(
  counter: Counter<string>,
  record: JobRecord,
  before: JobRecord | undefined,
  name: string,
  kind?: string,
): void {
  const more = (record.progress.counts[name] ?? 0) - (before?.progress.counts[name] ?? 0);
  // An attempt that failed takes its counts back.
  if (more > 0) counter.inc(kind === undefined ? {} : { kind }, more);
}
