import { createHash } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { Part } from '../../jobs/part.ts';
import { ChangedRanges } from './changed-ranges.ts';
import { STAGES, type Stage } from './order.ts';
import type { PartBody, PinnedExport } from './pinned.ts';
import type { Session } from './session.ts';

/**
 * A part is listed and compared when it is done, while others still copy, and the machines that share a job all have some
 * to do until near its end: so even an export that is not large has many.
 */
const PARTS_WANTED = 64;
const SMALLEST_PART = 1_000;
/** About a range of committed metadata: planning a large export cuts between ranges and reads none of them. */
const LARGEST_PART = 50_000;
/** Up to so many objects, ranges are read to cut finer; that takes a second or less. */
const CUT_FINER = 400_000;
/** Without metadata the plan is a listing, whatever the size of its parts. */
const LISTED_PART = 5_000;
/** Parts that only look for table metadata and markers. */
const LOOK_TARGET = 200_000;
const BATCH = 500;

/**
 * Splits the export into key ranges, stage by stage. Ids rise with the plan and are the same whenever it is
 * made again for the same commits and by the same means.
 * @throws SluiceError CONFLICT when the plan that `after` comes from was cut elsewhere: going on could leave a gap
 */
export async function* planExport(
  pinned: PinnedExport,
  session: Session,
  signal: AbortSignal,
  after?: string,
): AsyncGenerator<Part[]> {
  if (pinned.mode === 'nothing') return;
  const copyTarget = targetFor(await session.size(signal));
  const changed = new ChangedRanges(pinned.bases, (base) => session.changes(base, {}, signal), copyTarget);
  let batch: Part[] = [];
  let met = after === undefined;
  for (const [index, stage] of STAGES.entries()) {
    let number = 0;
    for await (const { body, objects } of rangesOf(stage, pinned, session, changed, copyTarget, signal)) {
      const id = `${index}-${String(number++).padStart(8, '0')}-${sealOf(body)}`;
      if (!met) {
        met = id === after;
        if (id > after!) throw cutElsewhere();
        continue;
      }
      batch.push({
        id,
        stage: index,
        label: labelOf(body),
        body,
        counts: stage === 'data' && objects !== undefined ? { plannedObjects: objects } : undefined,
      });
      if (batch.length >= BATCH) {
        yield batch;
        batch = [];
      }
    }
  }
  if (!met) throw cutElsewhere();
  if (batch.length > 0) yield batch;
}

/** Where a part ends: metadata that could be read before, and cannot now, leads to other cuts. */
function sealOf({ base, until }: PartBody): string {
  return createHash('sha256')
    .update(`${base ?? ''}\n${until ?? ''}`)
    .digest('hex')
    .slice(0, 8);
}

function cutElsewhere(): SluiceError {
  return new SluiceError(
    'CONFLICT',
    "This export was planned in part, and lakeFS now answers by other means than then (its metadata can be read, or cannot any more), so the plan can't be gone on with. Resume when it is as before, or cancel the job and run the export again: what arrived is not copied twice.",
    { retryable: false },
  );
}

interface Range {
  body: PartBody;
  objects?: number;
}

async function* rangesOf(
  stage: Stage,
  pinned: PinnedExport,
  session: Session,
  changed: ChangedRanges,
  copyTarget: number,
  signal: AbortSignal,
): AsyncGenerator<Range> {
  if (stage === 'deletes' && !pinned.spec.deletes) return;
  if (stage === 'deletes' || pinned.mode === 'incremental') {
    for await (const { after, until, objects, base } of changed.of(stage))
      yield { body: { stage, after, until, base }, objects };
    return;
  }
  for await (const { after, until, objects } of session.split(
    stage === 'data' ? copyTarget : LOOK_TARGET,
    signal,
  )) {
    yield { body: { stage, after, until }, objects };
  }
}

function targetFor(objects: number | undefined): number {
  if (objects === undefined) return LISTED_PART;
  if (objects > CUT_FINER) return LARGEST_PART;
  return Math.max(SMALLEST_PART, Math.min(LARGEST_PART, Math.ceil(objects / PARTS_WANTED)));
}

function labelOf(body: PartBody): string {
  const from = body.after === undefined ? 'the first object' : `after ${body.after}`;
  const to = body.until === undefined ? 'the last' : body.until;
  return `${body.stage}: ${from} to ${to}`;
}
