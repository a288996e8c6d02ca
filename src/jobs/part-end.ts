import { SluiceError } from '../base/errors.ts';
import type { JobFailure, Progress } from './job.ts';
import { MAX_FAILURES_KEPT, type PartRecord, type PartResult } from './part.ts';

/** How a part ended. */
export type PartEnd = Pick<
  PartRecord,
  'id' | 'status' | 'counts' | 'failures' | 'error' | 'skipped' | 'data' | 'completedAt'
>;

/**
 * When so many parts fail one after another with an error of their own (not with failures of single objects),
 * the trouble is not theirs: the job stops rather than trying a million of them.
 */
export const FAILED_IN_A_ROW = 50;

/** @param error the last one's */
export function failedAlike(error: JobFailure): SluiceError {
  return new SluiceError(
    error.code as SluiceError['code'],
    `Stopped after ${FAILED_IN_A_ROW} parts failed one after another, the last with: ${error.message}`,
    { cause: error },
  );
}

/** What a kind's result means for the part. */
export function endedBy(result: PartResult): Omit<PartEnd, 'id'> {
  const failures = (result.failures ?? []).slice(0, MAX_FAILURES_KEPT);
  const first = failures[0];
  const failed = Math.max(result.counts.failed ?? 0, result.failures?.length ?? 0);
  return {
    status: first ? 'FAILED' : result.skipped === undefined ? 'SUCCESS' : 'SKIPPED',
    counts: result.counts,
    failures,
    error: first && {
      code: first.code,
      message: `${failed === 1 ? 'One failed' : `${failed} failed, the first`}: ${first.item}: ${first.message}`,
    },
    skipped: result.skipped,
    data: result.data,
    completedAt: Date.now(),
  };
}

/** Why a job FAILED whose parts did. @param first of them, in order of id */
export function partsFailed(
  { parts }: Progress,
  first: { label: string; error?: JobFailure | undefined },
): JobFailure {
  const total = Object.values(parts).reduce((sum, count) => sum + count, 0);
  return {
    code: first.error?.code ?? 'INTERNAL',
    message: `${parts.FAILED} of ${total} parts failed. The first, ${first.label}: ${first.error?.message}`,
  };
}
