import { IdentityHash } from './encoding.ts';

/** A commit as the API gives it. */
export interface SampleCommit {
  id: string;
  parents: string[];
  committer: string;
  message: string;
  /** Seconds since 1970. */
  creation_date: number;
  meta_range_id: string;
  metadata: Record<string, string>;
  generation: number;
  version: number;
}

export type Commits = ReadonlyMap<string, SampleCommit>;

/** The id that lakeFS gives to a commit of this content. */
export function commitId(commit: Omit<SampleCommit, 'id'>): string {
  return new IdentityHash()
    .text('commit:v1')
    .text(commit.committer)
    .text(commit.message)
    .text(commit.meta_range_id)
    .number(commit.creation_date)
    .map(commit.metadata)
    .embedded(new IdentityHash().texts(commit.parents).digest())
    .digest()
    .toString('hex');
}

/** A commit and all that came before it, newest first. */
export function* logOf(commits: Commits, from: string): Generator<SampleCommit> {
  const waiting = new Map<string, SampleCommit>();
  const add = (id: string): void => {
    const commit = commits.get(id);
    if (commit) waiting.set(id, commit);
  };
  add(from);
  while (waiting.size > 0) {
    const newest = [...waiting.values()].reduce((a, b) => (b.generation > a.generation ? b : a));
    waiting.delete(newest.id);
    yield newest;
    newest.parents.forEach(add);
  }
}

/** The newest commit that both came from. */
export function mergeBase(commits: Commits, left: string, right: string): SampleCommit | undefined {
  const ofLeft = new Set<string>();
  for (const commit of logOf(commits, left)) ofLeft.add(commit.id);
  for (const commit of logOf(commits, right)) if (ofLeft.has(commit.id)) return commit;
  return undefined;
}
