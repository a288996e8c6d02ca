import { readTree, writeTree } from './committing.ts';
import { LakeFailure } from './failure.ts';
import { commitId, logOf, mergeBase, type SampleCommit } from './history.ts';
import { diffViews } from './listing.ts';
import type { Storage } from './storage.ts';
import { ArrayTree, StagedView, type Tree, type TreeEntry, type View } from './tree.ts';

export interface Branch {
  commitId: string;
  /** Changes on top of the commit; null stands for an object that was deleted. */
  staged: Map<string, TreeEntry | null>;
}

export interface RepositoryOptions {
  id: string;
  storage: Storage;
  defaultBranch?: string;
  /** Entries of a committed range, on average. */
  rangeEntries?: number;
  /** Seconds since 1970. */
  now?: () => number;
  committer?: string;
  /** Seconds since 1970; now, when absent. */
  creationDate?: number;
}

const ID = /^[a-zA-Z0-9_][a-zA-Z0-9_-]*$/;

/** One repository of the sample lake: refs, commits, and what is staged on branches. */
export class Repository {
  readonly id: string;
  readonly storage: Storage;
  readonly defaultBranch: string;
  readonly creationDate: number;
  readonly commits = new Map<string, SampleCommit>();
  readonly branches = new Map<string, Branch>();
  readonly tags = new Map<string, string>();
  readonly trees = new Map<string, Promise<Tree>>();
  readonly #rangeEntries: number;
  readonly #now: () => number;
  readonly #committer: string;

  constructor(options: RepositoryOptions) {
    this.id = options.id;
    this.storage = options.storage;
    this.defaultBranch = options.defaultBranch ?? 'main';
    this.#rangeEntries = options.rangeEntries ?? 200;
    this.#now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.#committer = options.committer ?? 'admin';
    this.creationDate = options.creationDate ?? this.#now();
  }

  get now(): number {
    return this.#now();
  }

  /** Makes the first, empty commit and the default branch. */
  async begin(): Promise<void> {
    const tree = await writeTree(this.storage, [], this.#rangeEntries);
    this.trees.set(tree.metaRangeId, Promise.resolve(tree));
    const first = this.#newCommit(tree.metaRangeId, [], 'Repository created', {});
    this.branches.set(this.defaultBranch, { commitId: first.id, staged: new Map() });
  }

  branch(name: string): Branch {
    const branch = this.branches.get(name);
    if (branch) return branch;
    throw new LakeFailure(404, 'branch not found');
  }

  /** A branch's, a tag's, or a commit's id (or its unambiguous beginning), followed by ~n, ^n and @. */
  resolve(expression: string): { commit: SampleCommit; branch?: Branch } {
    const match = /^([^~^@$]+)((?:[~^]\d*|@|\$)*)$/.exec(expression);
    if (!match) throw notFound();
    const [, base, modifiers] = match as unknown as [string, string, string];
    const branch = this.branches.get(base);
    let commit = this.commits.get(branch?.commitId ?? this.tags.get(base) ?? this.#fullId(base) ?? '');
    if (!commit) throw notFound();
    if (modifiers === '') return { commit, branch };
    for (const [, kind, digits] of modifiers.matchAll(/([~^@$])(\d*)/g)) {
      const number = digits === '' ? 1 : Number(digits);
      if (kind === '~') for (let i = 0; i < number; i++) commit = this.#parent(commit!, 1);
      else if (kind === '^' && number > 0) commit = this.#parent(commit!, number);
      else if (kind === '$') return { commit: commit!, branch };
    }
    return { commit: commit! };
  }

  tree(metaRangeId: string): Promise<Tree> {
    let tree = this.trees.get(metaRangeId);
    if (!tree) {
      tree =
        metaRangeId === '' ? Promise.resolve(new ArrayTree('', [])) : readTree(this.storage, metaRangeId);
      this.trees.set(metaRangeId, tree);
    }
    return tree;
  }

  /** What a ref shows: of a branch also what is staged. */
  async view(expression: string): Promise<View> {
    const { commit, branch } = this.resolve(expression);
    const tree = await this.tree(commit.meta_range_id);
    return branch && branch.staged.size > 0 ? new StagedView(tree, branch.staged) : tree;
  }

  stage(branchName: string, path: string, entry: TreeEntry | null): void {
    this.branch(branchName).staged.set(path, entry);
  }

  async commit(
    branchName: string,
    message: string,
    metadata: Record<string, string> = {},
  ): Promise<SampleCommit> {
    const branch = this.branch(branchName);
    const head = this.commits.get(branch.commitId)!;
    const view = await this.view(branchName);
    const tree = await this.#write(view);
    if (tree.metaRangeId === head.meta_range_id) throw new LakeFailure(400, 'commit: no changes');
    const commit = this.#newCommit(tree.metaRangeId, [head.id], message, metadata);
    branch.commitId = commit.id;
    branch.staged.clear();
    return commit;
  }

  createBranch(name: string, source: string): string {
    checkId(name, 'branch');
    if (this.branches.has(name)) throw new LakeFailure(409, 'branch already exists: not unique');
    const { commit } = this.resolve(source);
    this.branches.set(name, { commitId: commit.id, staged: new Map() });
    return commit.id;
  }

  createTag(name: string, ref: string): string {
    checkId(name, 'tag');
    if (this.tags.has(name)) throw new LakeFailure(409, 'tag already exists: not unique');
    const { commit } = this.resolve(ref);
    this.tags.set(name, commit.id);
    return commit.id;
  }

  deleteBranch(name: string): void {
    if (name === this.defaultBranch) throw new LakeFailure(403, 'cannot delete repository default branch');
    if (!this.branches.delete(name)) throw new LakeFailure(404, 'branch not found');
  }

  deleteTag(name: string): void {
    if (!this.tags.delete(name)) throw new LakeFailure(404, 'tag not found');
  }

  /**
   * Brings what a ref changed since it went its own way into a branch.
   * @param allow gets the commit that is about to become the branch's head; what it throws forbids it
   */
  async merge(
    source: string,
    branchName: string,
    message: string,
    metadata: Record<string, string>,
    allow: (commit: SampleCommit) => Promise<void>,
  ): Promise<SampleCommit> {
    const branch = this.branch(branchName);
    if (branch.staged.size > 0) throw new LakeFailure(400, 'uncommitted changes (dirty branch)');
    const from = this.resolve(source).commit;
    const head = this.commits.get(branch.commitId)!;
    const base = mergeBase(this.commits, head.id, from.id)!;
    const [baseTree, fromTree, headTree] = await Promise.all(
      [base, from, head].map((commit) => this.tree(commit.meta_range_id)),
    );
    const ours = new Set([...diffViews(baseTree!, headTree!)].map(({ path }) => path));
    const changes = new Map<string, TreeEntry | null>();
    for (const { path } of diffViews(baseTree!, fromTree!)) {
      if (ours.has(path)) throw new LakeFailure(409, 'conflict found');
      changes.set(path, fromTree!.get(path) ?? null);
    }
    if (changes.size === 0) throw new LakeFailure(400, `update branch ${branchName}: no changes`);
    const tree = await this.#write(new StagedView(headTree!, changes));
    const commit = this.#newCommit(tree.metaRangeId, [head.id, from.id], message, metadata);
    await allow(commit);
    branch.commitId = commit.id;
    return commit;
  }

  /** A ref's commit and all before it, newest first. */
  log(expression: string): Iterable<SampleCommit> {
    return logOf(this.commits, this.resolve(expression).commit.id);
  }

  async #write(view: View): Promise<Tree> {
    const tree = await writeTree(this.storage, [...view.from('')], this.#rangeEntries);
    this.trees.set(tree.metaRangeId, Promise.resolve(tree));
    return tree;
  }

  #newCommit(
    metaRangeId: string,
    parents: string[],
    message: string,
    metadata: Record<string, string>,
  ): SampleCommit {
    const generations = parents.map((id) => this.commits.get(id)!.generation);
    const content = {
      parents,
      committer: this.#committer,
      message,
      creation_date: this.#now(),
      meta_range_id: metaRangeId,
      metadata,
      generation: Math.max(0, ...generations) + 1,
      version: 1,
    };
    const commit = { id: commitId(content), ...content };
    this.commits.set(commit.id, commit);
    return commit;
  }

  #fullId(beginning: string): string | undefined {
    if (this.commits.has(beginning)) return beginning;
    if (!/^[0-9a-f]{4,}$/.test(beginning)) return undefined;
    const found = [...this.commits.keys()].filter((id) => id.startsWith(beginning));
    return found.length === 1 ? found[0] : undefined;
  }

  #parent(commit: SampleCommit, number: number): SampleCommit {
    const id = commit.parents[number - 1];
    if (id === undefined && number > 1) throw new LakeFailure(500, 'ref: invalid value: validation error');
    const parent = id === undefined ? undefined : this.commits.get(id);
    if (!parent) throw notFound();
    return parent;
  }
}

function checkId(name: string, what: 'branch' | 'tag'): void {
  if (ID.test(name)) return;
  throw new LakeFailure(
    400,
    `argument ${what}: ${what} id: invalid value: validation error: ${what} id must consist of letters, digits, underscores and dashes, and cannot start with a dash`,
  );
}

function notFound(): LakeFailure {
  return new LakeFailure(404, 'not found');
}
