import type { ErrorCode } from '../base/errors.ts';
import type { FoundDescriptor } from './descriptors.ts';
import type { Lake } from './lake.ts';
import type { CommitPin } from './source.ts';
import type { TableState } from './state.ts';

/** What is to be done with a table at a commit, and why. */
export type Decision =
  | { action: 'export'; reason: string }
  | { action: 'unchanged'; reason: string }
  | { action: 'fail'; code: ErrorCode; reason: string }
  | { action: 'deleted'; reason: string };

/**
 * Whether a table must be exported at this commit. It is compared with the commit that it was last exported at, so
 * commits in between may be skipped and merges need no special care; a table that never was exported is new.
 * Paths are compared by folder: a change in `tables/ab/` is none of `tables/a/`.
 * @param all whether tables that did not change are exported, too
 */
export async function decide(
  lake: Lake,
  pin: CommitPin,
  found: FoundDescriptor,
  state: TableState | undefined,
  wanted: { method: string; location: string; all: boolean },
): Promise<Decision> {
  const { descriptor, problem } = found;
  if (!descriptor) {
    const gone = problem!.code === 'NOT_FOUND' && state?.exported !== undefined;
    if (gone) return { action: 'deleted', reason: problem!.message };
    return { action: 'fail', code: problem!.code, reason: problem!.message };
  }
  const exported = state?.exported;
  if (!exported) return { action: 'export', reason: 'not exported before' };
  if (state.status === 'FAILED') return { action: 'export', reason: 'the last export failed' };
  if (state.status === 'DROPPED') return { action: 'export', reason: 'there again' };
  if (exported.sourceRoot !== descriptor.root) {
    return { action: 'export', reason: `moved from ${exported.sourceRoot} to ${descriptor.root}` };
  }
  if (exported.method !== wanted.method || state.location !== wanted.location) {
    return { action: 'export', reason: 'goes by another method or to another place' };
  }
  if (wanted.all) return { action: 'export', reason: 'asked for' };
  if (exported.commit === pin.commit) return { action: 'unchanged', reason: 'exported at this commit' };
  const diff = await lake.diff(pin.repository, exported.commit, pin.commit, {
    prefix: descriptor.root,
    amount: 1,
  });
  if (!diff) return { action: 'export', reason: `commit ${exported.commit.slice(0, 12)} is gone` };
  for await (const page of diff) {
    if (page.length > 0) return { action: 'export', reason: `changed since ${exported.commit.slice(0, 12)}` };
  }
  return { action: 'unchanged', reason: `unchanged since ${exported.commit.slice(0, 12)}` };
}
