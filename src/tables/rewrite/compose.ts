import { createHash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { VERSION } from '../../base/version.ts';
import type { Add, DomainMetadata, MetaData, Protocol, Remove } from '../delta/actions.ts';
import { hasInCommitTimestamps, targetMetaData } from '../delta/features.ts';
import { type FileSet, type Totals, TotalsSum } from '../delta/file-set.ts';
import type { DeltaSnapshot } from '../delta/snapshot.ts';
import type { Exported, ExportRequest } from '../method.ts';
import type { SourceChanges } from './changes.ts';
import { LineSpool } from './spool.ts';
import { commitInfo, type Origin, type TargetHead } from './target-log.ts';

/** A source's file action as the target's log says it. */
export type Place = <T extends Add | Remove>(action: T) => T;

/** A version of the target that is ready to be written. Dispose of it. */
export interface NextVersion extends AsyncDisposable {
  number: number;
  lines: LineSpool;
  origin: Origin;
  protocol: Protocol;
  metaData: MetaData;
  added: number;
  removed: number;
  /** Whether it says anything beyond its own commitInfo. */
  changed: boolean;
  /** What the target comes to with it. */
  expected: Totals;
}

export interface Composition {
  request: ExportRequest;
  method: string;
  changes: SourceChanges;
  /** The newest version there, if any. */
  head: TargetHead | undefined;
  /** What the newest version there is known to be; without it, `held` is. */
  base: Exported | undefined;
  /** The newest version, read from the target. */
  held: DeltaSnapshot | undefined;
  place: Place;
}

/** Puts together the lines of the next version: the difference between what the target holds and the source. */
export async function composeVersion(composition: Composition): Promise<NextVersion> {
  const { request, changes, head, base, held, place } = composition;
  const { repository, branch, commit, root } = request.source;
  const number = (head?.version ?? -1) + 1;
  const timestamp = Math.max(Date.now(), (head?.timestamp ?? -1) + 1);
  const before = held ?? base;
  const protocol = changes.protocol ?? base!.protocol;
  const metaData = changes.metaData
    ? targetMetaData(changes.metaData, {
        id: before?.metaData.id ?? tableId(request.target.uri, changes.metaData),
        before: before?.metaData,
        version: number,
        timestamp,
      })
    : base!.metaData;
  const origin: Origin = {
    repository,
    branch,
    commit,
    path: root,
    sourceVersion: changes.version,
    method: composition.method,
    attempt: randomUUID(),
  };

  const lines = new LineSpool();
  let about = 0;
  const tell = async (action: object): Promise<void> => {
    about++;
    await lines.line(action);
  };
  await lines.line({
    commitInfo: commitInfo(origin, timestamp, VERSION, hasInCommitTimestamps(metaData)),
  });
  if (!isDeepStrictEqual(before?.protocol, protocol)) await tell({ protocol });
  if (!isDeepStrictEqual(before?.metaData, metaData)) await tell({ metaData });
  for (const txn of changes.txns.values()) {
    if (!isDeepStrictEqual(held?.txns.get(txn.appId), txn)) await tell({ txn });
  }
  for (const domainMetadata of domainChanges(changes, held)) await tell({ domainMetadata });

  const files = changes.whole
    ? await tellWhole(changes.files, held?.files, place, timestamp, tell)
    : await tellDifference(changes, base!.totals, place, timestamp, tell);
  return {
    number,
    lines,
    origin,
    protocol,
    metaData,
    changed: about > 0,
    ...files,
    [Symbol.asyncDispose]: () => lines[Symbol.asyncDispose](),
  };
}

interface Told {
  added: number;
  removed: number;
  expected: Totals;
}

type Tell = (action: object) => Promise<void>;

/** Every file of the source that the target lacks, then every file of the target that the source lacks. */
async function tellWhole(
  files: FileSet,
  held: FileSet | undefined,
  place: Place,
  timestamp: number,
  tell: Tell,
): Promise<Told> {
  const sum = new TotalsSum();
  let added = 0;
  let removed = 0;
  for (const add of files.adds()) {
    const placed = place(add);
    sum.add(placed);
    const there = held?.find(placed);
    if (there) held!.mark(placed);
    if (there && isDeepStrictEqual({ ...there, dataChange: true }, { ...placed, dataChange: true })) continue;
    // The same rows described anew, such as with statistics, are no new data.
    await tell({ add: { ...placed, dataChange: !there } });
    added++;
  }
  for (const add of held?.unmarked() ?? []) {
    await tell({ remove: removeOf(add, timestamp) });
    removed++;
  }
  return { added, removed, expected: sum.totals() };
}

function removeOf(add: Add, deletionTimestamp: number): Remove {
  const { path, partitionValues, size, deletionVector, baseRowId, defaultRowCommitVersion, stats } = add;
  return {
    path,
    deletionTimestamp,
    dataChange: true,
    extendedFileMetadata: true,
    partitionValues,
    size,
    stats,
    deletionVector,
    baseRowId,
    defaultRowCommitVersion,
  };
}

/** The file actions of the source's own new commits. */
async function tellDifference(
  changes: SourceChanges,
  before: Totals,
  place: Place,
  timestamp: number,
  tell: Tell,
): Promise<Told> {
  const sum = new TotalsSum(before);
  const dataChange = !changes.onlyRearranged;
  let added = 0;
  let removed = 0;
  for (const remove of changes.files.removes()) {
    const placed = { ...place(remove), deletionTimestamp: timestamp, dataChange };
    sum.remove(placed, changes.files.recordsOf(remove));
    await tell({ remove: placed });
    removed++;
  }
  for (const add of changes.files.adds()) {
    const placed = { ...place(add), dataChange };
    sum.add(placed);
    await tell({ add: placed });
    added++;
  }
  return { added, removed, expected: sum.totals() };
}

/** Domains that say something else now; what the source no longer has is removed. */
function domainChanges(changes: SourceChanges, held: DeltaSnapshot | undefined): DomainMetadata[] {
  const said = [...changes.domains.values()].filter(
    (domain) =>
      !isDeepStrictEqual(held?.domains.get(domain.domain), domain) &&
      !(changes.whole && domain.removed && !held?.domains.has(domain.domain)),
  );
  const gone = changes.whole
    ? [...(held?.domains.values() ?? [])].filter(
        (domain) => !domain.removed && !changes.domains.has(domain.domain),
      )
    : [];
  return [...said, ...gone.map((domain) => ({ ...domain, removed: true }))];
}

/** The same for every attempt, so that a repeated first export is the same table. */
function tableId(uri: string, source: MetaData): string {
  const hex = createHash('sha256').update(`${uri}\n${source.id}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
