import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { getExternalWorkflowHandle, ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import type { Json } from '../../../../base/json.ts';
import {
  HOLD_WORKFLOW,
  holdId,
  type JobNote,
  PLAN_WORKFLOW,
  type PlanInput,
  planId,
  type Tuning,
  workflowTaskTimeout,
} from '../messages.ts';

/*
 * The plan and the hold outlive a run of the job's workflow that continues as new, so they are no concern of one
 * run: they tell the job by its id.
 */

/** @returns false when the job was stopped before it could start */
export function startPlan(input: PlanInput, stopped: () => boolean): Promise<boolean> {
  return startOther(PLAN_WORKFLOW, input, 'plan', stopped);
}

/** @returns false when the job was stopped before it could start */
export function startHold(
  input: { job: JobNote; pinned: Json; tuning: Tuning },
  stopped: () => boolean,
): Promise<boolean> {
  return startOther(HOLD_WORKFLOW, input, 'hold', stopped);
}

async function startOther<T extends { job: JobNote; tuning: Tuning }>(
  type: string,
  input: T,
  which: 'plan' | 'hold',
  stopped: () => boolean,
): Promise<boolean> {
  for (;;) {
    try {
      await startChild(type, {
        workflowId: idOf(input.job.id, which),
        args: [input],
        workflowTaskTimeout: workflowTaskTimeout(input.tuning),
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
      return true;
    } catch (error) {
      // It is left of a run of this job that was ended by hand.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    await cancelOther(input.job.id, which);
    await sleep(500);
    if (stopped()) return false;
  }
}

/** One that has ended already needs no cancellation. */
export async function cancelOther(job: string, which: 'plan' | 'hold'): Promise<void> {
  await getExternalWorkflowHandle(idOf(job, which))
    .cancel()
    .catch(() => undefined);
}

function idOf(job: string, which: 'plan' | 'hold'): string {
  return which === 'plan' ? planId(job) : holdId(job);
}
