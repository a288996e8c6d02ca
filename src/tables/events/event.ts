import { createHash } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';

/** What a lakeFS webhook tells of a commit; the names are lakeFS' own. */
export interface LakeEvent {
  event_type: string;
  repository_id: string;
  branch_id: string;
  commit_id: string;
  hook_id: string;
  action_name?: string;
  /** ISO time. */
  event_time?: string;
}

/** Events after which a branch has a new commit. */
const AFTER_COMMIT = new Set(['post-commit', 'post-merge', 'post-revert', 'post-cherry-pick']);

/**
 * Reads the body of a webhook.
 * @returns undefined for an event that makes no commit
 * @throws SluiceError BAD_SPEC for what lakeFS never sends
 */
export function parseLakeEvent(body: Json): LakeEvent | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw bad('it is no JSON object');
  const text = (name: string): string => {
    const value = body[name];
    if (typeof value === 'string' && value !== '') return value;
    throw bad(`its "${name}" is missing`);
  };
  if (!AFTER_COMMIT.has(text('event_type'))) return undefined;
  if (!/^[0-9a-f]{6,64}$/.test(text('commit_id'))) throw bad('its "commit_id" is no commit');
  return {
    event_type: text('event_type'),
    repository_id: text('repository_id'),
    branch_id: text('branch_id'),
    commit_id: text('commit_id'),
    hook_id: text('hook_id'),
    action_name: typeof body.action_name === 'string' ? body.action_name : undefined,
    event_time: typeof body.event_time === 'string' ? body.event_time : undefined,
  };
}

const bad = (why: string): SluiceError =>
  new SluiceError(
    'BAD_SPEC',
    `This is no event of a lakeFS action: ${why}. Let a lakeFS webhook call this address.`,
  );

/** Each event is run once: the same repository, branch, commit and hook are the same event. */
export function eventId({ repository_id, branch_id, commit_id, hook_id }: LakeEvent): string {
  const what = [repository_id, branch_id, commit_id, hook_id].join('\n');
  return createHash('sha256').update(what).digest('hex').slice(0, 24);
}
