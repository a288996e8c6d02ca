import type { Part } from '../../jobs/part.ts';
import { STAGES, type Stage } from './order.ts';
import type { PartBody, PinnedExport } from './pinned.ts';
import type { Session } from './session.ts';

/**
 * Objects of a part that copies: about a range of committed metadata, so that planning cuts between ranges and reads none.
 * Parts that only look for table metadata and markers take more.
 */
const COPY_TARGET = 50_000;
const LOOK_TARGET = 200_000;
const BATCH = 500;

/**
 * Splits the export into key ranges, stage by stage. Ids rise with the plan and are the same whenever it is
 * made again for the same commits.
 */
export async function* planExport(
  pinned: PinnedExport,
  session: Session,
  signal: AbortSignal,
  after?: string,
): AsyncGenerator<Part[]> {
  if (pinned.mode === 'nothing') return;
  let batch: Part[] = [];
  for (const [index, stage] of STAGES.entries()) {
    let number = 0;
    for await (const { body, objects } of rangesOf(stage, pinned, session, signal)) {
      const id = `${index}-${String(number++).padStart(8, '0')}`;
      if (after !== undefined && id <= after) continue;
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
  if (batch.length > 0) yield batch;
}

interface Range {
  body: PartBody;
  objects?: number;
}

async function* rangesOf(
  stage: Stage,
  pinned: PinnedExport,
  session: Session,
  signal: AbortSignal,
): AsyncGenerator<Range> {
  if (stage === 'deletes' && !pinned.spec.deletes) return;
  if (stage === 'deletes' || pinned.mode === 'incremental') {
    for (const base of pinned.bases) {
      for await (const { after, until, objects } of session.splitChanges(
        base,
        stage === 'data' || stage === 'deletes' ? COPY_TARGET : LOOK_TARGET,
        signal,
      )) {
        yield { body: { stage, after, until, base }, objects };
      }
    }
    return;
  }
  for await (const { after, until, objects } of session.split(
    stage === 'data' ? COPY_TARGET : LOOK_TARGET,
    signal,
  )) {
    yield { body: { stage, after, until }, objects };
  }
}

function labelOf(body: PartBody): string {
  const from = body.after === undefined ? 'the first object' : `after ${body.after}`;
  const to = body.until === undefined ? 'the last' : body.until;
  return `${body.stage}: ${from} to ${to}`;
}
