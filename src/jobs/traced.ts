import { traced } from '../base/tracing/tracing.ts';
import type { JobContext, Kind } from './kind.ts';

/** Spans of parts that one job gets in a process: a million parts would drown the rest. */
const PARTS_EACH = 1000;

/** A kind whose every step is a span: prepare, each part (the first thousand of a job), finish. */
export function tracedKind(kind: Kind): Kind {
  const parts = new Map<string, number>();
  const about = ({ jobId, attempt }: JobContext) => ({
    'sluice.job.id': jobId,
    'sluice.job.kind': kind.name,
    'sluice.job.attempt': attempt,
  });
  return {
    name: kind.name,
    parse: (spec) => kind.parse(spec),
    ...(kind.hold ? { hold: (pinned, context) => kind.hold!(pinned, context) } : {}),
    plan: (pinned, context, after) => kind.plan(pinned, context, after),
    prepare: (spec, context) => traced('prepare', about(context), () => kind.prepare(spec, context)),
    async run(part, pinned, context) {
      const count = (parts.get(context.jobId) ?? 0) + 1;
      parts.set(context.jobId, count);
      if (count > PARTS_EACH) return await kind.run(part, pinned, context);
      const attributes = {
        ...about(context),
        'sluice.part.id': part.id,
        'sluice.part.attempt': context.partAttempt,
      };
      return await traced('part', attributes, async (span) => {
        const result = await kind.run(part, pinned, context);
        const { objects, bytes, failed } = result.counts;
        span.set({ 'sluice.objects': objects, 'sluice.bytes': bytes, 'sluice.failed': failed });
        const first = result.failures?.[0];
        if (first) span.fail(first.code);
        return result;
      });
    },
    async finish(pinned, outcome, context) {
      parts.delete(context.jobId);
      return await traced('finish', about(context), async (span) => {
        const result = await kind.finish(pinned, outcome, context);
        if (result.error) span.fail(result.error.code);
        return result;
      });
    },
  };
}

/** One attempt at a job, from its start here to its end. */
export async function tracedJob<T extends { status: string; error?: { code: string } } | undefined>(
  job: { id: string; kind: string; attempts: number },
  work: () => Promise<T>,
): Promise<T> {
  const attributes = {
    'sluice.job.id': job.id,
    'sluice.job.kind': job.kind,
    'sluice.job.attempt': job.attempts,
  };
  return await traced(`job ${job.kind}`, attributes, async (span) => {
    const ending = await work();
    span.set({ 'sluice.job.status': ending?.status });
    if (ending?.error) span.fail(ending.error.code);
    return ending;
  });
}
