import { CancellationScope, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import type { JobFailure } from '../../../job.ts';
import type { JobNote, PlanInput, Tuning } from '../messages.ts';
import { failureOf, holdEnded, keeper, planEnded, work } from './calls.ts';

/** Makes the plan, apart from the job, which may continue as new meanwhile. A cancellation ends it. */
export async function sluicePlan(input: PlanInput): Promise<void> {
  const failure = await endOf(() => work(workflowInfo().taskQueue, input.tuning).plan(input));
  await tell(input.job.id, (job) => job.signal(planEnded, failure, input.job.run));
}

/** Keeps the hold of a job until it is canceled, which releases it, or another took over. */
export async function sluiceHold(input: { job: JobNote; pinned: Json; tuning: Tuning }): Promise<void> {
  const { job, pinned, tuning } = input;
  const failure = await endOf(() => keeper(tuning).hold({ job, pinned }));
  await tell(job.id, (handle) => handle.signal(holdEnded, failure, job.run));
}

async function endOf(activity: () => Promise<void>): Promise<JobFailure | null> {
  try {
    await activity();
    return null;
  } catch (error) {
    return failureOf(error);
  }
}

/** A job that is no longer there need not be told. */
async function tell(
  id: string,
  say: (job: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<void> {
  await CancellationScope.nonCancellable(() => say(getExternalWorkflowHandle(id))).catch(() => undefined);
}
