import { decodePath } from '../delta/paths.ts';
import { type CommitFile, commitKey } from '../delta/segment.ts';
import { type Replay, readSnapshot, replayCommits } from '../delta/snapshot.ts';
import type { Exported, TableSource } from '../method.ts';
import type { SourceChanges } from './changes.ts';
import { readHiveTable } from './hive-source.ts';

/** Above so many changed objects the whole table is read: it costs no more and can't miss anything. */
const MOST_CHANGES = 20_000;

/**
 * Reads what an export needs. The difference is only taken when the lake's own comparison of the two commits proves
 * that it is complete: the log was only appended to, and no data file was replaced or deleted.
 */
export async function readSource(
  source: TableSource,
  earlier: Exported | undefined,
  signal: AbortSignal,
): Promise<SourceChanges> {
  if (source.hive) return await readHiveTable(source, source.hive, signal);
  const difference =
    earlier && earlier.sourceRoot === source.root ? await readDifference(source, earlier, signal) : undefined;
  if (difference) return difference;
  return Object.assign(await readSnapshot(source.store, source.root, signal), { whole: true as const });
}

async function readDifference(
  source: TableSource,
  earlier: Exported,
  signal: AbortSignal,
): Promise<(Replay & { whole: false; version: number }) | undefined> {
  const pages = await source.diff(earlier.commit, signal);
  if (!pages) return undefined;
  const versions: number[] = [];
  const added = new Set<string>();
  const log = `${source.root}_delta_log/`;
  for await (const page of pages) {
    for (const { path, type } of page) {
      if (path.startsWith(log)) {
        const version = /^(\d{20})\.json$/.exec(path.slice(log.length))?.[1];
        if (version === undefined) continue;
        const appended = type === 'added' && Number(version) > earlier.sourceVersion;
        const cleaned = type === 'removed' && Number(version) < earlier.sourceVersion;
        if (appended) versions.push(Number(version));
        else if (!cleaned) return undefined;
      } else if (type === 'added') added.add(path);
      else return undefined;
      if (added.size + versions.length > MOST_CHANGES) return undefined;
    }
  }
  versions.sort((a, b) => a - b);
  if (versions.some((version, index) => version !== earlier.sourceVersion + 1 + index)) return undefined;
  const commits: CommitFile[] = versions.map((version) => ({
    key: commitKey(source.root, version),
    size: 0,
    from: version,
    to: version,
  }));
  const replay = await replayCommits(source.store, commits, signal, true);
  if (!isPlain(replay, source.root, added)) {
    replay.files.close();
    return undefined;
  }
  return Object.assign(replay, { whole: false as const, version: versions.at(-1) ?? earlier.sourceVersion });
}

/** Whether each file comes or goes once, new files are new objects, and what goes is fully described. */
function isPlain(replay: Replay, root: string, added: ReadonlySet<string>): boolean {
  if (replay.repeated) return false;
  const removed = new Set<string>();
  for (const remove of replay.files.removes()) {
    if (remove.size === undefined) return false;
    removed.add(decodePath(remove.path));
  }
  for (const add of replay.files.adds()) {
    const path = decodePath(add.path);
    if (!added.has(root + path) && !removed.has(path)) return false;
  }
  return true;
}
