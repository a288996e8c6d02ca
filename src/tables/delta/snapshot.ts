import { SluiceError } from '../../base/errors.ts';
import type { Store } from '../../stores/store.ts';
import type { Action, CommitInfo, DomainMetadata, MetaData, Protocol, Txn } from './actions.ts';
import { checkpointActions } from './checkpoint.ts';
import { commitActions } from './commit.ts';
import { FileSet } from './file-set.ts';
import { type CommitFile, findSegment, type LogSegment } from './segment.ts';

/** What a run of commits says, newest word of each thing only (protocol, "Action Reconciliation"). */
export interface Replay {
  /** Live files, and those that were taken out. `close()` it. */
  files: FileSet;
  protocol?: Protocol;
  metaData?: MetaData;
  /** By appId. */
  txns: Map<string, Txn>;
  /** By domain; removed ones too. */
  domains: Map<string, DomainMetadata>;
  /** Of the newest commit. */
  commitInfo?: CommitInfo;
  /** Whether every file action says that it changes no data. */
  onlyRearranged: boolean;
  /** More than one action is about the same file. */
  repeated: boolean;
}

/** A table at one version. */
export interface DeltaSnapshot extends Replay {
  version: number;
  protocol: Protocol;
  metaData: MetaData;
  segment: LogSegment;
}

/**
 * Reads the newest version of the table.
 * @param root the table's folder: '' or ending with '/'
 * @throws SluiceError NOT_FOUND when there is no log, CORRUPT when it has gaps or lacks protocol or metaData
 */
export async function readSnapshot(store: Store, root: string, signal?: AbortSignal): Promise<DeltaSnapshot> {
  const segment = await findSegment(store, root, signal);
  const replay = await replayCommits(store, segment.commits, signal);
  try {
    if (segment.checkpoint) {
      for await (const batch of checkpointActions(store, root, segment.checkpoint, signal)) {
        for (const action of batch) apply(replay, action);
      }
    }
    const { protocol, metaData } = replay;
    if (!protocol || !metaData) {
      throw new SluiceError(
        'CORRUPT',
        `The Delta log of ${store.name}/${root} has no ${protocol ? 'metaData' : 'protocol'} action up to version ${segment.version}.`,
        { retryable: false },
      );
    }
    return Object.assign(replay, { protocol, metaData, version: segment.version, segment });
  } catch (error) {
    replay.files.close();
    throw error;
  }
}

/** Reads commits alone, without what was before them. */
export async function replayCommits(
  store: Store,
  commits: readonly CommitFile[],
  signal?: AbortSignal,
  needsRemoved = false,
): Promise<Replay> {
  const replay: Replay = {
    files: new FileSet(needsRemoved),
    txns: new Map(),
    domains: new Map(),
    onlyRearranged: true,
    repeated: false,
  };
  try {
    for (const commit of [...commits].reverse()) {
      const newest = commit === commits.at(-1);
      for await (const actions of commitActions(store, commit.key, signal)) {
        for (const action of actions) {
          if (newest && action.commitInfo) replay.commitInfo ??= action.commitInfo;
          apply(replay, action);
        }
      }
    }
    return replay;
  } catch (error) {
    replay.files.close();
    throw error;
  }
}

/** Actions come newest first: what is known already stays. */
function apply(replay: Replay, action: Action): void {
  if (action.add) {
    if (!replay.files.putAdd(action.add)) replay.repeated = true;
    if (action.add.dataChange) replay.onlyRearranged = false;
  } else if (action.remove) {
    if (!replay.files.putRemove(action.remove)) replay.repeated = true;
    if (action.remove.dataChange) replay.onlyRearranged = false;
  } else if (action.metaData) replay.metaData ??= action.metaData;
  else if (action.protocol) replay.protocol ??= action.protocol;
  else if (action.txn && !replay.txns.has(action.txn.appId)) replay.txns.set(action.txn.appId, action.txn);
  else if (action.domainMetadata && !replay.domains.has(action.domainMetadata.domain)) {
    replay.domains.set(action.domainMetadata.domain, action.domainMetadata);
  }
}
