import { isError, SluiceError } from '../../base/errors.ts';
import { findObject } from '../../stores/find.ts';
import { commitKey } from '../delta/segment.ts';
import type { TableTarget } from '../method.ts';
import type { LineSpool } from './spool.ts';
import { originAt } from './target-log.ts';

/**
 * Writes a version, unless there is one already.
 * @param attempt what `commitInfo` of the lines names as its attempt
 * @returns the etag of the version's file, where the store gives one
 * @throws SluiceError CONFLICT when another got there first
 */
export async function writeVersion(
  target: TableTarget,
  version: number,
  lines: LineSpool,
  attempt: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { store, root } = target;
  const key = commitKey(root, version);
  const conditional = store.capabilities.putIfAbsent;
  if (!conditional && (await findObject(store, key, { signal }))) throw taken(target, version);
  const body = await lines.body();
  try {
    const info = await store.put(key, body, {
      size: lines.size,
      contentType: 'application/json',
      ...(conditional ? { ifNoneMatch: '*' } : {}),
      signal,
    });
    if (conditional) return info.etag;
  } catch (error) {
    // A put whose answer was lost is repeated by the store and then finds itself.
    if (!isError(error, 'PRECONDITION_FAILED')) throw error;
  }
  const there = await originAt(target, version, signal);
  if (there?.attempt !== attempt) throw taken(target, version);
  return (await store.head(key, { signal })).etag;
}

function taken(target: TableTarget, version: number): SluiceError {
  return new SluiceError(
    'CONFLICT',
    `Another process wrote version ${version} of ${target.uri} at the same time. Nothing was overwritten; run the export again.`,
    { retryable: true },
  );
}
