import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { toSluiceError } from '../../../../base/errors.ts';
import type { Json } from '../../../../base/json.ts';
import { keepRenewed } from '../../../hold.ts';
import type { FinishResult } from '../../../kind.ts';
import type { FinishInput, JobNote, PrepareResult } from '../messages.ts';
import { partsOf } from '../reader.ts';
import { checkSize } from '../sizes.ts';
import type { Activities } from '../workflows/calls.ts';
import { isGone, Running, type Workshop } from './context.ts';
import { closeLeft } from './page.ts';

/** Signs of life of a hold after which it looks whether its job is still there. */
const LOOK_BEATS = 60;

/** What is done once a job: prepare, hold, finish. */
export function leadActivities(shop: Workshop): Pick<Activities, 'prepare' | 'hold' | 'finish'> {
  const { kinds } = shop.environment;

  async function prepare({ job, spec }: { job: JobNote; spec: Json }): Promise<PrepareResult> {
    const running = new Running(shop);
    return running.alive(async () => {
      const kind = await kinds.get(job.kind);
      const context = running.context(job);
      const pinned = await running.retried('prepare', context, () => kind.prepare(spec, context));
      checkSize(pinned, 'What was pinned for the job');
      return { pinned, holds: kind.hold !== undefined };
    });
  }

  async function hold({ job, pinned }: { job: JobNote; pinned: Json }): Promise<void> {
    const running = new Running(shop);
    await running.alive(async () => {
      const kind = await kinds.get(job.kind);
      const context = running.context(job);
      const handle = shop.client.workflow.getHandle(job.id);
      const taken = await running.retried('hold', context, async () => kind.hold?.(pinned, context));
      const lost = new AbortController();
      const renewal = taken && keepRenewed(taken, context.log, (error) => lost.abort(error));
      const ends = AbortSignal.any([running.signal, lost.signal]);
      const look = LOOK_BEATS * shop.beat;
      try {
        await handle.signal('held', job.run);
        // A job that was ended by hand tells nobody.
        while (!ends.aborted) {
          await Promise.race([sleep(look, undefined, { signal: ends }), aborted(ends)]).catch(
            () => undefined,
          );
          if (ends.aborted) break;
          if (await runs(handle, job)) continue;
          await closeLeft(shop, job);
          break;
        }
      } finally {
        renewal?.stop();
        if (taken && !lost.signal.aborted && !running.leaves) {
          await taken.release().catch((error) => {
            context.log.warn({ error: String(error) }, 'the hold could not be released; it will expire');
          });
        }
      }
      if (lost.signal.aborted) throw toSluiceError(lost.signal.reason);
    });
  }

  async function finish({ job, pinned, outcome, pages }: FinishInput): Promise<FinishResult> {
    const running = new Running(shop);
    return running.alive(async () => {
      const kind = await kinds.get(job.kind);
      const context = running.context(job);
      const parts = (filter?: { status?: Parameters<typeof partsOf>[3] }) =>
        partsOf(shop.client, job.id, pages, filter?.status);
      const result = await running.retried('finish', context, () =>
        kind.finish(pinned, { ...outcome, parts }, context),
      );
      checkSize(result.report, "The job's report");
      return result;
    });
  }

  return { prepare, hold, finish };
}

/** Whether the job runs still, in the run that it was started or resumed in; it does when that can't be asked. */
async function runs(handle: WorkflowHandle, { run }: JobNote): Promise<boolean> {
  try {
    const { status, raw } = await handle.describe();
    const first = raw.workflowExecutionInfo?.firstRunId;
    return status.name === 'RUNNING' && (!first || run === undefined || first === run);
  } catch (error) {
    return !isGone(error);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
