import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { SampleCommit } from '../../src/demo/lake/history.ts';
import { linkedEntry } from '../../src/demo/lake/object-routes.ts';
import { Repository } from '../../src/demo/lake/repository.ts';
import { LakeServer } from '../../src/demo/lake/server.ts';
import { StoreStorage } from '../../src/demo/lake/storage.ts';
import type { ObjectStats } from '../../src/lake/client/entry.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';

/** One request to a running lakeFS, and what it answered. */
export interface Exchange {
  request: { method: string; path: string; auth: boolean; headers: Record<string, string> };
  response: {
    status: number;
    headers: Record<string, string>;
    // biome-ignore lint/suspicious/noExplicitAny: whatever lakeFS answered; tests look at what they compare
    json?: any;
    text?: string;
    base64?: string;
  };
}

const fixtures = join(import.meta.dirname, '../fixtures');

/** What was recorded: `lakefs` has a repository of many objects, `delta` one of tables. */
export function recordedExchanges(name: 'lakefs' | 'delta'): Exchange[] {
  const file = join(fixtures, name, 'api.jsonl');
  const text = existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`));
  return text
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange);
}

export function recordedCommits(name: 'lakefs' | 'delta'): Record<string, string> {
  return JSON.parse(readFileSync(join(fixtures, name, 'commits.json'), 'utf8')) as Record<string, string>;
}

/** The recorded storage namespace; keys begin with the repository's name. */
export async function recordedNamespace(name: 'lakefs' | 'delta'): Promise<MemoryStore> {
  const store = new MemoryStore();
  const tar = gunzipSync(readFileSync(join(fixtures, name, 'namespace.tar.gz')));
  for (let at = 0; at + 512 <= tar.length; ) {
    const text = (from: number, length: number) =>
      tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const path = text(0, 100);
    const size = Number.parseInt(text(124, 12), 8) || 0;
    if (text(156, 1) === '0') await store.put(path, tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return store;
}

/** The sample lake in the state that was recorded. */
export async function recordedLake(name: 'lakefs' | 'delta'): Promise<LakeServer> {
  const exchanges = recordedExchanges(name);
  const find = (path: RegExp) => exchanges.find(({ request }) => path.test(request.path))?.response.json;
  const { id, creation_date, storage_namespace } = find(/\/repositories\/[a-z]+$/);
  const storage = new StoreStorage({
    store: await recordedNamespace(name),
    folder: id,
    root: 'local:///lake',
    namespace: storage_namespace,
  });
  const repository = new Repository({ id, storage, creationDate: creation_date });
  for (const { response } of exchanges) {
    for (const found of [response.json, ...(response.json?.results ?? [])]) {
      if (found?.meta_range_id) repository.commits.set(found.id, found as SampleCommit);
    }
  }
  const branches = find(/\/branches$/)?.results ?? [find(/\/branches\/main$/)];
  for (const branch of branches)
    repository.branches.set(branch.id, { commitId: branch.commit_id, staged: new Map() });
  const tag = find(/\/tags\/v1$/);
  if (tag) repository.tags.set(tag.id, tag.commit_id);
  for (const change of find(/\/branches\/main\/diff/)?.results ?? []) {
    const stats: ObjectStats = find(/refs\/main\/objects\/ls\?amount=100&/).results.find(
      ({ path }: ObjectStats) => path === change.path,
    );
    const entry = linkedEntry(repository, stats.path, stats.physical_address, {
      checksum: stats.checksum,
      size: stats.size_bytes!,
      mtime: stats.mtime,
      contentType: stats.content_type!,
      metadata: undefined,
    });
    repository.stage('main', entry.path, entry);
  }
  const server = new LakeServer();
  server.repositories.set(id, repository);
  await server.listen();
  return server;
}
