import { LakeFailure } from './failure.ts';
import type { SampleCommit } from './history.ts';
import type { Repository } from './repository.ts';

/** Where events are posted to, as an action's webhook does. */
export interface Webhook {
  url: string;
  /** Such as `post-commit`; all when absent. */
  events?: string[];
  /** What the action and its hook are called. */
  actionName?: string;
  hookId?: string;
}

/** What an event tells besides its type, time and repository. */
export interface EventFields {
  branch_id?: string;
  source_ref?: string;
  commit_id?: string;
  commit_message?: string;
  committer?: string;
  commit_metadata?: Record<string, string>;
  merge_source?: string;
  tag_id?: string;
}

/** Does what branches can, with the events around it. A `pre-` event that is answered other than 2xx forbids. */
export class Hooks {
  readonly webhooks: Webhook[] = [];

  async commit(
    repository: Repository,
    branch: string,
    message: string,
    metadata: Record<string, string> = {},
  ): Promise<SampleCommit> {
    const about = {
      branch_id: branch,
      source_ref: branch,
      commit_message: message,
      committer: 'admin',
      commit_metadata: metadata,
    };
    await this.post('pre-commit', repository, about);
    const commit = await repository.commit(branch, message, metadata);
    await this.post('post-commit', repository, { ...about, source_ref: commit.id, commit_id: commit.id });
    return commit;
  }

  async merge(
    repository: Repository,
    source: string,
    branch: string,
    message = `Merge '${source}' into '${branch}'`,
    metadata: Record<string, string> = {},
  ): Promise<SampleCommit> {
    const commit_metadata = { '.lakefs.merge.strategy': 'default', ...metadata };
    const about = (commit_id: string) => ({
      branch_id: branch,
      commit_id,
      commit_message: message,
      committer: 'admin',
      commit_metadata,
      merge_source: source,
    });
    // lakeFS makes the commit first, and asks whether it may become the branch's head.
    const source_ref = repository.resolve(source).commit.id;
    const commit = await repository.merge(source, branch, message, commit_metadata, ({ id }) =>
      this.post('pre-merge', repository, { ...about(id), source_ref }),
    );
    await this.post('post-merge', repository, { ...about(commit.id), source_ref: commit.id });
    return commit;
  }

  /** @throws LakeFailure 412 when a `pre-` hook forbids it */
  async post(event: string, repository: Repository, fields: EventFields): Promise<void> {
    for (const { url, events, actionName = 'export on change', hookId = 'sluice' } of this.webhooks) {
      if (events && !events.includes(event)) continue;
      const body = {
        action_name: actionName,
        event_time: new Date(repository.now * 1000).toISOString().replace('.000', ''),
        event_type: event,
        hook_id: hookId,
        repository_id: repository.id,
        ...fields,
      };
      const answered = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(
        (response) => response.ok,
        () => false,
      );
      if (!answered && event.startsWith('pre-'))
        throw new LakeFailure(412, `${event} hook aborted, action '${actionName}': webhook request failed`);
    }
  }
}
