import type { Action } from '../delta/actions.ts';
import { writeCheckpoint } from '../delta/checkpoint-writer.ts';
import { lastCheckpointKey, logFolder, versionName } from '../delta/segment.ts';
import type { TableTarget } from '../method.ts';
import { Spool } from './spool.ts';

/** A first version with more files than this has a checkpoint beside it: readers then need not parse all its JSON. */
const MANY_FILES = 10_000;
const DEFAULT_INTERVAL = 10;

/** Whether a version should have a checkpoint: every tenth or as the table's own property says, and big ones. */
export function checkpointDue(
  version: number,
  lines: number,
  configuration: Record<string, string> | undefined,
): boolean {
  const asked = Number(configuration?.['delta.checkpointInterval']);
  const interval = Number.isInteger(asked) && asked > 0 ? asked : DEFAULT_INTERVAL;
  return lines > MANY_FILES || (version > 0 && version % interval === 0);
}

/**
 * Writes the checkpoint of the target's newest version, then the hint to it. Another one of the same version may be
 * there: it says the same.
 * @param actions everything that the version says
 * @param check called when all of them were read, before anything is written; what it throws comes out
 */
export async function putCheckpoint(
  target: TableTarget,
  version: number,
  actions: Iterable<Action[]> | AsyncIterable<Action[]>,
  signal: AbortSignal,
  check: () => void = () => {},
): Promise<void> {
  await using spool = new Spool();
  const { size, adds } = await writeCheckpoint(actions, (bytes) => spool.write(bytes));
  check();
  const key = `${logFolder(target.root)}${versionName(version)}.checkpoint.parquet`;
  const sizeInBytes = spool.size;
  await target.store.put(key, await spool.body(), { size: sizeInBytes, signal });
  const hint = { version, size, sizeInBytes, numOfAddFiles: adds };
  await target.store.put(lastCheckpointKey(target.root), Buffer.from(JSON.stringify(hint)), {
    contentType: 'application/json',
    signal,
  });
}
