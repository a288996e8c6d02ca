import type { Action, Add, Remove } from '../delta/actions.ts';
import { snapshotActions } from '../delta/checkpoint-writer.ts';
import { commitActions } from '../delta/commit.ts';
import { checkFeatures } from '../delta/features.ts';
import { type FileSet, type Totals, TotalsSum } from '../delta/file-set.ts';
import { commitKey } from '../delta/segment.ts';
import { readSnapshot } from '../delta/snapshot.ts';
import type { Exported, ExportRequest, ExportResult, MethodContext, TableTarget } from '../method.ts';
import { composeVersion, type NextVersion } from './compose.ts';
import { findLakeFiles } from './lake-files.ts';
import { checkpointDue, putCheckpoint } from './maintain.ts';
import { forgetOldVersions } from './retention.ts';
import { readSource } from './source-changes.ts';
import { targetHead } from './target-log.ts';
import { checkTotals, verifySnapshot, verifyVersion } from './verify.ts';
import { writeVersion } from './version-writer.ts';

/** Where a file of the source is found from the target: what sets `native` and `copy` apart. */
export interface Placement {
  readonly method: string;
  /** Whether files below the target's folder are its own, to be removed when no kept version needs them. */
  readonly ownsFiles: boolean;
  /** The file as the target's log names it. */
  place<T extends Add | Remove>(action: T, files: FileSet, request: ExportRequest): T;
  /** Does what must be done before a log may name these files. */
  bring?(files: FileSet, request: ExportRequest, context: MethodContext): Promise<Record<string, number>>;
}

/**
 * Makes the target hold the table as it is at the commit, by one new version of its log that carries the difference
 * to the version before: readers see the old list of files or the new one, never a mixture or a gap.
 */
export async function exportLog(
  request: ExportRequest,
  placement: Placement,
  context: MethodContext,
): Promise<ExportResult> {
  const { source, target, options } = request;
  const { signal } = context;
  const earlier = request.earlier?.method === placement.method ? request.earlier : undefined;
  const head = await targetHead(target, earlier, signal);
  const base = head && head.version === earlier?.targetVersion ? earlier : undefined;
  if (base && base.commit === source.commit && base.sourceRoot === source.root) {
    return resultOf(base, false, {});
  }

  const changes = await readSource(source, base, signal);
  try {
    const described = {
      protocol: changes.protocol ?? base?.protocol,
      metaData: changes.metaData ?? base?.metaData,
    };
    checkFeatures(described.protocol!, described.metaData!, options.allowFeatures);
    await findLakeFiles(changes.files, source, signal);
    const brought = await placement.bring?.(changes.files, request, context);

    const held = head && changes.whole ? await readSnapshot(target.store, target.root, signal) : undefined;
    try {
      await using next = await composeVersion({
        request,
        method: placement.method,
        changes,
        head,
        base,
        held,
        place: (action) => placement.place(action, changes.files, request),
      });
      const exported: Exported = {
        method: placement.method,
        commit: source.commit,
        sourceRoot: source.root,
        sourceVersion: changes.version,
        targetVersion: head?.version ?? -1,
        targetTag: head?.tag,
        totals: next.expected,
        protocol: next.protocol,
        metaData: next.metaData,
      };
      if (next.changed) {
        exported.targetVersion = next.number;
        exported.targetTag = await writeVersion(target, next.number, next.lines, next.origin.attempt, signal);
        await settle(request, placement, exported, next, base, context);
      }
      return resultOf(exported, next.changed, {
        ...brought,
        added: next.added,
        removed: next.removed,
      });
    } finally {
      held?.files.close();
    }
  } finally {
    changes.files.close();
  }
}

/** Reads back what was written, and looks after the log. */
async function settle(
  request: ExportRequest,
  placement: Placement,
  exported: Exported,
  next: NextVersion,
  base: Exported | undefined,
  context: MethodContext,
): Promise<void> {
  const { target, options } = request;
  const { signal } = context;
  const due = checkpointDue(next.number, next.added + next.removed, next.metaData.configuration);
  if (next.number === 0) {
    exported.totals = await settleFirst(target, next.expected, due, signal);
    return;
  }
  if (!due && base && next.expected.records !== undefined) {
    exported.totals = await verifyVersion(target, next.number, base.totals, next.expected, signal);
    return;
  }
  const snapshot = await readSnapshot(target.store, target.root, signal);
  try {
    exported.totals = verifySnapshot(target, next.expected, snapshot);
    if (!due) return;
    const cutoff = Date.now() - options.retentionDays * 86_400_000;
    await putCheckpoint(target, snapshot.version, snapshotActions(snapshot, cutoff), signal);
    await forgetOldVersions(target, snapshot, cutoff, placement.ownsFiles, signal);
  } finally {
    snapshot.files.close();
  }
}

/** A log of one version says each thing once, so it is read as it comes, whatever its size. */
async function settleFirst(
  target: TableTarget,
  expected: Totals,
  checkpoint: boolean,
  signal: AbortSignal,
): Promise<Totals> {
  const sum = new TotalsSum();
  const readBack = async function* (): AsyncGenerator<Action[]> {
    for await (const actions of commitActions(target.store, commitKey(target.root, 0), signal)) {
      for (const { add } of actions) if (add) sum.add(add);
      yield actions;
    }
  };
  const check = (): Totals => checkTotals(target, expected, sum.totals());
  if (checkpoint) await putCheckpoint(target, 0, readBack(), signal, check);
  else for await (const _actions of readBack());
  return check();
}

function resultOf(exported: Exported, written: boolean, counts: Record<string, number>): ExportResult {
  return {
    exported,
    written,
    counts,
    details: { sourceVersion: exported.sourceVersion, targetVersion: exported.targetVersion },
  };
}
