import { addCounts, type Counts } from '../../jobs/job.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { ObjectOutcome } from './outcomes.ts';
import { PartRun } from './part-run.ts';
import { type PartBody, type PinnedExport, pinExport } from './pinned.ts';
import { planExport } from './plan.ts';
import { clientFor, Session } from './session.ts';
import type { LakeExportSpec } from './spec.ts';

export interface Preview {
  pinned: PinnedExport;
  /** As a run would count: copied, unchanged, deleted, kept, skipped, failed, bytes. */
  counts: Counts;
}

/**
 * Goes through everything an export would do and does none of it: nothing is written, no lease is taken.
 * @param show gets each object's outcome, in key order within a range
 */
export async function previewExport(
  spec: LakeExportSpec,
  context: JobContext,
  show: (outcome: ObjectOutcome) => undefined | Promise<void>,
): Promise<Preview> {
  const client = clientFor(spec, context);
  const pinned = await pinExport({ ...spec, verify: false }, client, context).finally(() => client.close());
  const session = await Session.open(pinned, context);
  const counts: Counts = {};
  try {
    for await (const parts of planExport(pinned, session, context.signal)) {
      for (const part of parts) {
        let shown: ObjectOutcome[] = [];
        const flush = async (): Promise<void> => {
          const ready = shown;
          shown = [];
          for (const outcome of ready) {
            const wait = show(outcome);
            if (wait) await wait;
          }
        };
        const run = new PartRun(
          session,
          pinned,
          part.body as PartBody,
          {
            move: async (entry) => ({
              via: (await session.routes.routesFor(entry))[0]!,
              info: { key: entry.path, size: entry.size },
              hashed: false,
            }),
            remove: async () => {},
            sink: { add: (outcome) => shown.push(outcome), flush, close: flush, discard: async () => {} },
          },
          { ...context, partAttempt: 2, startedAt: Number.POSITIVE_INFINITY, progress() {} },
        );
        addCounts(counts, (await run.run()).counts);
      }
    }
  } finally {
    await session.close();
  }
  return { pinned, counts };
}
