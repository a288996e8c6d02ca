import { compareKeys } from '../../base/keys.ts';
import { LakeFailure } from './failure.ts';
import { mergeBase } from './history.ts';
import type { Hooks } from './hooks.ts';
import { amountOf, jsonBody, paged, type Reply, type Request, type Route, route } from './http.ts';
import { type DiffLine, diffViews, pageOf } from './listing.ts';
import type { Repository } from './repository.ts';

export type FindRepository = (name: string) => Repository;

/** Branches, tags, commits, their history and differences. */
export function refRoutes(find: FindRepository, hooks: Hooks): Route[] {
  const of = ({ params }: Request): Repository => find(params.repository!);
  const named = (entries: Iterable<[string, string]>, { query }: Request): Reply => {
    const after = query.get('after') ?? '';
    const prefix = query.get('prefix') ?? '';
    const refs = [...entries]
      .map(([id, commit_id]) => ({ commit_id, id }))
      .filter(({ id }) => id.startsWith(prefix) && id > after)
      .sort((a, b) => compareKeys(a.id, b.id));
    const { results, more } = pageOf(refs, amountOf(query));
    return paged(results, more, ({ id }) => id);
  };
  const diffPage = (lines: Iterable<DiffLine>, query: URLSearchParams): Reply => {
    const { results, more } = pageOf(lines, amountOf(query));
    return paged(results, more, ({ path }) => path);
  };
  const created = (status: number, json: unknown): Reply => ({ status, json });
  const base = '/repositories/:repository';

  return [
    route('GET', `${base}/branches`, (request) => {
      const branches = [...of(request).branches].map(([id, { commitId }]): [string, string] => [
        id,
        commitId,
      ]);
      return named(branches, request);
    }),
    route('POST', `${base}/branches`, async (request) => {
      const { name, source } = await jsonBody<{ name: string; source: string }>(request);
      const repository = of(request);
      const id = repository.createBranch(name, source);
      await hooks.post('post-create-branch', repository, {
        branch_id: name,
        commit_id: id,
        source_ref: source,
      });
      return { status: 201, text: id };
    }),
    route('GET', `${base}/branches/:branch`, (request) => {
      const id = request.params.branch!;
      return { json: { commit_id: of(request).branch(id).commitId, id } };
    }),
    route('DELETE', `${base}/branches/:branch`, (request) => {
      of(request).deleteBranch(request.params.branch!);
      return { status: 204 };
    }),
    route('GET', `${base}/branches/:branch/diff`, async (request) => {
      const { query } = request;
      const repository = of(request);
      const { commitId } = repository.branch(request.params.branch!);
      const [left, right] = await Promise.all([
        repository.view(commitId),
        repository.view(request.params.branch!),
      ]);
      return diffPage(diffViews(left, right, query.get('after') ?? '', query.get('prefix') ?? ''), query);
    }),
    route('POST', `${base}/branches/:branch/commits`, async (request) => {
      const { message, metadata } = await jsonBody<{ message: string; metadata?: Record<string, string> }>(
        request,
      );
      return created(201, await hooks.commit(of(request), request.params.branch!, message, metadata));
    }),
    route('POST', `${base}/refs/:ref/merge/:branch`, async (request) => {
      interface Merge {
        message?: string;
        metadata?: Record<string, string>;
      }
      const { message, metadata } = await jsonBody<Merge>(request);
      const { ref, branch } = request.params as { ref: string; branch: string };
      const { id } = await hooks.merge(of(request), ref, branch, message, metadata);
      return { json: { reference: id } };
    }),
    route('GET', `${base}/tags`, (request) => named(of(request).tags, request)),
    route('POST', `${base}/tags`, async (request) => {
      const { id, ref } = await jsonBody<{ id: string; ref: string }>(request);
      const repository = of(request);
      const commit_id = repository.createTag(id, ref);
      await hooks.post('post-create-tag', repository, { commit_id, source_ref: commit_id, tag_id: id });
      return created(201, { commit_id, id });
    }),
    route('GET', `${base}/tags/:tag`, (request) => {
      const id = request.params.tag!;
      const commit_id = of(request).tags.get(id);
      if (commit_id === undefined) throw new LakeFailure(404, 'tag not found');
      return { json: { commit_id, id } };
    }),
    route('DELETE', `${base}/tags/:tag`, (request) => {
      of(request).deleteTag(request.params.tag!);
      return { status: 204 };
    }),
    route('GET', `${base}/commits/:ref`, (request) => {
      try {
        return { json: of(request).resolve(request.params.ref!).commit };
      } catch (error) {
        if (error instanceof LakeFailure && error.message === 'not found')
          throw new LakeFailure(404, 'commit not found');
        throw error;
      }
    }),
    route('GET', `${base}/refs/:ref/commits`, (request) => {
      const after = request.query.get('after');
      const log = of(request).log(request.params.ref!);
      function* following() {
        let seen = after === null || after === '';
        for (const commit of log) {
          if (seen) yield commit;
          else seen = commit.id === after;
        }
      }
      const { results, more } = pageOf(following(), amountOf(request.query));
      return paged(results, more, ({ id }) => id);
    }),
    route('GET', `${base}/refs/:left/diff/:right`, async (request) => {
      const repository = of(request);
      const { query } = request;
      const amount = amountOf(query);
      const [left, right] = [request.params.left!, request.params.right!].map(
        (ref) => repository.resolve(ref).commit,
      );
      const from =
        query.get('type') === 'two_dot' ? left! : mergeBase(repository.commits, left!.id, right!.id)!;
      if (from.meta_range_id === right!.meta_range_id) return paged<DiffLine>([], false, () => '');
      const [before, now] = await Promise.all(
        [from, right!].map((commit) => repository.tree(commit.meta_range_id)),
      );
      const lines = diffViews(before!, now!, query.get('after') ?? '', query.get('prefix') ?? '');
      const { results, more } = pageOf(lines, amount);
      return paged(results, more, ({ path }) => path);
    }),
  ];
}
