import type { Add, Remove } from '../delta/actions.ts';
import { commitActions } from '../delta/commit.ts';
import { deletionVectorFile } from '../delta/deletion-vectors.ts';
import { decodePath, isAbsolute } from '../delta/paths.ts';
import { logFolder } from '../delta/segment.ts';
import type { DeltaSnapshot } from '../delta/snapshot.ts';
import type { TableTarget } from '../method.ts';

interface OldFile {
  key: string;
  version: number;
  modified: number;
}

/**
 * Removes versions that were replaced before the cutoff and, where the target owns its data files, the files that only
 * those versions needed. What stays begins with a checkpoint, so every kept version can be read whole.
 * @param current the newest version
 * @param cutoff milliseconds since 1970
 */
export async function forgetOldVersions(
  target: TableTarget,
  current: DeltaSnapshot,
  cutoff: number,
  ownsFiles: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { store, root } = target;
  const folder = logFolder(root);
  const commits: OldFile[] = [];
  const checkpoints: OldFile[] = [];
  for await (const page of store.list({ prefix: folder, signal })) {
    for (const { key, modified = Number.POSITIVE_INFINITY } of page.objects) {
      const match = /^(\d{20})\.(json|checkpoint\.parquet)$/.exec(key.slice(folder.length));
      if (!match) continue;
      const file = { key, version: Number(match[1]), modified };
      (match[2] === 'json' ? commits : checkpoints).push(file);
    }
  }
  // A version counts as replaced once the next one is older than the cutoff.
  const replaced = commits.filter((commit) => commit.modified < cutoff).at(-1)?.version ?? -1;
  const oldest = checkpoints.filter((checkpoint) => checkpoint.version <= replaced).at(-1)?.version;
  if (oldest === undefined || !commits.some((commit) => commit.version < oldest)) return;

  if (ownsFiles) await deleteFiles(target, current, commits, oldest, signal);
  const gone = [...commits, ...checkpoints].filter((file) => file.version < oldest).map((file) => file.key);
  for (let i = 0; i < gone.length; i += 1000) await store.deleteMany(gone.slice(i, i + 1000), { signal });
}

/** Files that were taken out up to the oldest kept version, unless a version from there on has them. */
async function deleteFiles(
  target: TableTarget,
  current: DeltaSnapshot,
  commits: readonly OldFile[],
  oldest: number,
  signal: AbortSignal,
): Promise<void> {
  const needed = new Set<string>();
  for (const commit of commits.filter((each) => each.version > oldest)) {
    for await (const actions of commitActions(target.store, commit.key, signal)) {
      for (const { add, remove } of actions) for (const file of ownFiles(add ?? remove)) needed.add(file);
    }
  }
  const gone = new Set<string>();
  for (const commit of commits.filter((each) => each.version <= oldest)) {
    for await (const actions of commitActions(target.store, commit.key, signal)) {
      for (const { remove } of actions) {
        for (const file of ownFiles(remove)) {
          if (!needed.has(file) && !current.files.needs(file)) gone.add(target.root + file);
        }
      }
      if (gone.size >= 1000) {
        await target.store.deleteMany([...gone], { signal });
        gone.clear();
      }
    }
  }
  await target.store.deleteMany([...gone], { signal });
}

/** Data file and deletion vector below the table's root. */
function ownFiles(action: Add | Remove | undefined): string[] {
  if (!action) return [];
  const files = isAbsolute(action.path) ? [] : [decodePath(action.path)];
  const vector = action.deletionVector;
  if (vector?.storageType === 'u') files.push(deletionVectorFile(vector)!);
  return files;
}
