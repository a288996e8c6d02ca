import { isError, SluiceError } from '../../base/errors.ts';
import type { CommitInfo } from '../delta/actions.ts';
import { commitActions } from '../delta/commit.ts';
import { type CommitFile, commitKey, commitsAfter, findSegment, logFolder } from '../delta/segment.ts';
import type { Exported, TableTarget } from '../method.ts';

/** How a version says that it is ours, and of what. All values are text, as Delta readers show them. */
export const ENGINE = 'Sluice';

export interface Origin {
  repository: string;
  branch: string;
  commit: string;
  /** The table's folder in the repository. */
  path: string;
  sourceVersion: number;
  method: string;
  /** Unique to one attempt at writing one version. */
  attempt: string;
}

export interface TargetHead {
  version: number;
  tag?: string;
  origin: Origin;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/**
 * The newest version at the target, after checking that nobody else has written there.
 * @param earlier what our last export left, which saves reading more than what came after it
 * @returns undefined when there is no table yet
 * @throws SluiceError CONFLICT when a version is not ours
 */
export async function targetHead(
  target: TableTarget,
  earlier: Exported | undefined,
  signal: AbortSignal,
): Promise<TargetHead | undefined> {
  const { store, root } = target;
  let commits: CommitFile[] = [];
  if (earlier) {
    commits = await commitsAfter(store, root, earlier.targetVersion - 1, signal);
    const known = commits[0];
    if (
      known?.to === earlier.targetVersion &&
      earlier.targetTag !== undefined &&
      known.etag !== undefined &&
      known.etag !== earlier.targetTag
    ) {
      throw foreign(target, known.to, 'its file is not the one that was written');
    }
  }
  if (commits.length === 0) {
    try {
      const segment = await findSegment(store, root, signal);
      commits = segment.commits;
      if (commits.length === 0)
        commits = (await commitsAfter(store, root, segment.version - 1, signal)).slice(0, 1);
      if (commits.length === 0) throw foreign(target, segment.version, 'its file is gone');
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
  let head: TargetHead | undefined;
  for (const commit of commits) head = await readHead(target, commit, signal);
  return head;
}

/** @throws SluiceError CONFLICT when the version is not ours */
async function readHead(target: TableTarget, commit: CommitFile, signal: AbortSignal): Promise<TargetHead> {
  const info = await commitInfoOf(target, commit.key, signal);
  const origin = originOf(info);
  if (!origin) {
    throw foreign(target, commit.to, `it was written by ${String(info?.engineInfo ?? 'an unknown writer')}`);
  }
  return {
    version: commit.to,
    tag: commit.etag,
    origin,
    timestamp: info!.inCommitTimestamp ?? info!.timestamp ?? 0,
  };
}

function foreign(target: TableTarget, version: number, why: string): SluiceError {
  return new SluiceError(
    'CONFLICT',
    `Version ${version} of ${target.uri} is not from Sluice: ${why}. The table there is left as it is; export to another place, or remove it (${logFolder('')}) if it is not needed.`,
  );
}

async function commitInfoOf(
  target: TableTarget,
  key: string,
  signal: AbortSignal,
): Promise<CommitInfo | undefined> {
  for await (const actions of commitActions(target.store, key, signal)) {
    const found = actions.find((action) => action.commitInfo);
    if (found) return found.commitInfo;
  }
  return undefined;
}

/** Which export wrote a version that is there already; undefined when it is not ours. */
export async function originAt(
  target: TableTarget,
  version: number,
  signal: AbortSignal,
): Promise<Origin | undefined> {
  return originOf(await commitInfoOf(target, commitKey(target.root, version), signal));
}

function originOf(info: CommitInfo | undefined): Origin | undefined {
  if (!info || !String(info.engineInfo ?? '').startsWith(`${ENGINE}/`)) return undefined;
  const { sourceVersion, ...text } = info.operationParameters as Record<string, string>;
  return { ...(text as unknown as Origin), sourceVersion: Number(sourceVersion) };
}

export function commitInfo(
  origin: Origin,
  timestamp: number,
  version: string,
  inCommit: boolean,
): CommitInfo {
  return {
    ...(inCommit ? { inCommitTimestamp: timestamp } : {}),
    timestamp,
    operation: 'CLONE',
    operationParameters: { ...origin, sourceVersion: String(origin.sourceVersion) },
    engineInfo: `${ENGINE}/${version}`,
    txnId: origin.attempt,
  };
}
