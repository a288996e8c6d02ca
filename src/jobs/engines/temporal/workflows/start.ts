import { getExternalWorkflowHandle, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import {
  HOLD_WORKFLOW,
  holdId,
  type JobNote,
  PLAN_WORKFLOW,
  type PlanInput,
  planId,
  type Tuning,
} from '../messages.ts';

/*
 * The plan and the hold outlive a run of the job's workflow that continues as new, so they are no concern of one
 * run: they tell the job by its id.
 */

export async function startPlan(input: PlanInput): Promise<void> {
  await startChild(PLAN_WORKFLOW, {
    workflowId: planId(input.job.id),
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
}

export async function startHold(input: { job: JobNote; pinned: Json; tuning: Tuning }): Promise<void> {
  await startChild(HOLD_WORKFLOW, {
    workflowId: holdId(input.job.id),
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
}

/** One that has ended already needs no cancellation. */
export async function cancelOther(job: string, which: 'plan' | 'hold'): Promise<void> {
  const id = which === 'plan' ? planId(job) : holdId(job);
  await getExternalWorkflowHandle(id)
    .cancel()
    .catch(() => undefined);
}
