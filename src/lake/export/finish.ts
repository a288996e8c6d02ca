import type { JobFailure } from '../../jobs/job.ts';
import type { FinishResult, JobContext, Outcome } from '../../jobs/kind.ts';
import { type PinnedExport, refuseOvertaken } from './pinned.ts';
import { gatherFailures, makeReport, markerName, markerText, writeReport } from './report.ts';
import type { Session } from './session.ts';
import { ownFolder, readState, selectionOf, writeState } from './state.ts';

/** Ends an export: the state when all arrived, then the report, then the marker, last. */
export async function finishExport(
  session: Session,
  pinned: PinnedExport,
  outcome: Outcome,
  context: JobContext,
): Promise<FinishResult> {
  const failures = await gatherFailures(outcome);
  const failed = outcome.progress.counts.failed ?? 0;
  const error = outcome.status === 'FAILED' && failed > 0 ? failedObjects(failed) : outcome.error;
  const current = context.attempt > 1 ? await session.currentCommit() : pinned.commit;
  if (current !== undefined && current !== pinned.commit) {
    pinned.notes.push(
      `This job was resumed and exported the commit it began with; ${pinned.ref} has moved on to ${current}.`,
    );
  }
  if (outcome.status === 'SUCCESS' && tookNothing(pinned, outcome))
    pinned.notes.push(
      `At this commit there is no object under ${pinned.spec.source}${pinned.spec.prefix || pinned.spec.filters.length > 0 ? ' that --prefix, --include and --exclude take' : ''}. If there should be some, check how the source is written.`,
    );
  const report = makeReport(pinned, outcome, failures, context, error);
  if (pinned.mode === 'nothing') return { status: outcome.status, error, report };

  const { store, root } = session.placement;
  const own = `${root}${ownFolder(pinned.spec.name)}`;
  if (outcome.status === 'SUCCESS') {
    // The lease may have run out in between, on a machine that slept.
    refuseOvertaken(pinned, (await readState(store, root, pinned.spec.name))?.state);
    await writeState(store, root, pinned.spec.name, {
      version: 1,
      repository: pinned.repository,
      namespace: pinned.namespace,
      folder: pinned.folder,
      selection: selectionOf(pinned.spec),
      commit: pinned.commit,
      ref: pinned.ref,
      uncommitted: pinned.spec.uncommitted || undefined,
      job: context.jobId,
      exportedAt: report.completedAt,
      // Without deletes, what they would have removed is still to be removed by a later export.
      pending: pinned.spec.deletes ? [] : pinned.bases.filter((base) => base !== pinned.commit),
    });
  }
  const marker = markerName(pinned, outcome.status === 'SUCCESS' ? 'SUCCESS' : 'FAILURE', new Date());
  report.details = `${own}${context.jobId}/objects/`;
  report.marker = marker && root + marker;
  await writeReport(session, pinned, report);
  if (marker)
    await store.put(root + marker, Buffer.from(markerText(report)), {
      contentType: 'text/plain; charset=utf-8',
    });
  return { status: outcome.status, error, report };
}

/** Whether there was nothing to take where a part of a lake was asked for: a folder's name is easily misspelled. */
function tookNothing({ mode, folder, spec }: PinnedExport, { progress }: Outcome): boolean {
  const { objects = 0, skipped = 0 } = progress.counts;
  const asked = folder !== '' || spec.prefix !== '' || spec.filters.length > 0;
  return asked && mode === 'full' && objects + skipped === 0;
}

/** Notes, before the first object is written, that this commit may be at the destination in part. */
export async function notePending(session: Session, pinned: PinnedExport): Promise<void> {
  if (pinned.mode === 'nothing') return;
  const { store, root } = session.placement;
  const stored = (await readState(store, root, pinned.spec.name))?.state;
  const pending = stored?.pending ?? [];
  if (pending.includes(pinned.commit) || stored?.commit === pinned.commit) return;
  await writeState(store, root, pinned.spec.name, {
    version: 1,
    repository: pinned.repository,
    namespace: pinned.namespace,
    folder: pinned.folder,
    selection: selectionOf(pinned.spec),
    ...stored,
    pending: [...pending, pinned.commit],
  });
}

function failedObjects(failed: number): JobFailure {
  const [objects, them] = failed === 1 ? ['object', 'it'] : ['objects', 'them'];
  return {
    code: 'FAILED',
    message: `${failed} ${objects} did not arrive; the report names ${them}. Running the same export again copies what is missing.`,
  };
}
