import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sampleContent } from '../../src/demo/lake/content.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { syntheticLake } from '../../src/demo/lake/synthetic.ts';
import { LakeClient } from '../../src/lake/client/client.ts';
import { openSnapshot } from '../../src/lake/snapshot/open.ts';
import { readAll } from '../../src/stores/read.ts';

async function collected<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

/** A call as lakectl or the Spark client would make it. */
async function call(lake: SampleLake, method: string, path: string, body?: unknown) {
  const { accessKeyId, secretAccessKey } = lake.server;
  const response = await fetch(`${lake.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${accessKeyId}:${secretAccessKey}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, json: isJson ? JSON.parse(text) : text };
}

describe('the sample lake', () => {
  let lake: SampleLake;
  let client: LakeClient;
  before(async () => {
    lake = await createSampleLake({ rangeEntries: 20 });
    client = new LakeClient(lake.server.connection, {
      retry: { attempts: 1, baseDelay: 1, maxDelay: 1, deadline: 100 },
    });
    for (const { path, bytes, ...properties } of sampleContent(300))
      await lake.put('main', path, bytes, properties);
    await lake.commit('main', 'first', { source: 'generator' });
  });
  after(async () => {
    await client.close();
    await lake.close();
  });

  it('shows staged objects on the branch only, until they are committed', async () => {
    const paths = async (ref: string) =>
      (await collected(pagesOf(client.list('sample', ref, { prefix: 'staged/' })))).map(({ path }) => path);
    await lake.put('main', 'staged/x', 'x');
    assert.deepEqual(await paths('main'), ['staged/x']);
    assert.deepEqual(await paths('main@'), []);
    await lake.commit('main', 'second');
    assert.deepEqual(await paths('main@'), ['staged/x']);
    assert.deepEqual(await paths('main~1'), []);
    await assert.rejects(lake.commit('main', 'nothing'), /no changes/);
  });

  it('shares the ranges that a commit did not touch', async () => {
    const ranges = async (ref: string) => {
      const { id } = await client.commit('sample', ref);
      const { SSTable } = await import('../../src/lake/metadata/sstable.ts');
      const { readMetaRange } = await import('../../src/lake/metadata/records.ts');
      const { meta_range_id } = await client.commit('sample', id);
      const table = new SSTable(await client.metadataObject('sample', 'meta_range', meta_range_id));
      return readMetaRange(table).map((range) => range.id);
    };
    const before = await ranges('main');
    await lake.put('main', 'images/new.png', 'new');
    await lake.commit('main', 'third');
    const now = await ranges('main');
    assert.ok(now.length > 5);
    assert.ok(now.filter((id) => !before.includes(id)).length <= 2);
  });

  it('makes, resolves, lists and deletes branches and tags', async () => {
    const head = lake.repository.resolve('main').commit;
    assert.equal(
      (await call(lake, 'POST', '/repositories/sample/branches', { name: 'dev', source: 'main' })).json,
      head.id,
    );
    const again = await call(lake, 'POST', '/repositories/sample/branches', { name: 'dev', source: 'main' });
    assert.deepEqual([again.status, again.json.message], [409, 'branch already exists: not unique']);
    const bad = await call(lake, 'POST', '/repositories/sample/branches', { name: 'a/b', source: 'main' });
    assert.equal(bad.status, 400);
    assert.equal(
      (await call(lake, 'POST', '/repositories/sample/tags', { id: 'v1', ref: 'main~1' })).json.commit_id,
      head.parents[0],
    );
    assert.equal((await client.tag('sample', 'v1')).commit_id, head.parents[0]);
    assert.equal((await client.commit('sample', head.id.slice(0, 10))).id, head.id);
    assert.equal((await call(lake, 'DELETE', '/repositories/sample/tags/v1')).status, 204);
    assert.equal((await call(lake, 'DELETE', '/repositories/sample/branches/dev')).status, 204);
    assert.equal((await call(lake, 'DELETE', '/repositories/sample/branches/main')).status, 403);
    await assert.rejects(client.branch('sample', 'dev'), { code: 'NOT_FOUND' });
    assert.equal((await call(lake, 'GET', '/nonsense')).json.message, 'invalid API endpoint');
  });

  it('merges what a branch changed, and refuses what both did', async () => {
    lake.branch('work');
    await lake.put('work', 'merged/one', '1');
    lake.delete('work', 'staged/x');
    const worked = await lake.commit('work', 'work');
    await lake.put('main', 'main/other', '2');
    const other = await lake.commit('main', 'other');
    const { json } = await call(lake, 'POST', '/repositories/sample/refs/work/merge/main', {
      message: 'merge',
    });
    const merged = await client.commit('sample', json.reference);
    assert.deepEqual(merged.parents, [other.id, worked.id]);
    assert.equal((await client.commit('sample', 'main^2')).id, worked.id);
    const found = await collected(client.diff('sample', other.id, 'main'));
    assert.deepEqual(
      found.map(({ path, type }) => [path, type]),
      [
        ['merged/one', 'added'],
        ['staged/x', 'removed'],
      ],
    );
    await lake.put('work', 'clash', 'theirs');
    await lake.commit('work', 'theirs');
    await lake.put('main', 'clash', 'ours');
    await lake.commit('main', 'ours');
    assert.equal((await call(lake, 'POST', '/repositories/sample/refs/work/merge/main', {})).status, 409);
  });

  it('pages through prefixes and objects without losing or repeating any', async () => {
    const whole = await collected(pagesOf(client.list('sample', 'main')));
    for (const delimiter of ['/', '-']) {
      for (const amount of [1, 2, 7]) {
        const entries: string[] = [];
        const prefixes: string[] = [];
        for await (const page of client.list('sample', 'main', { delimiter, amount })) {
          entries.push(...page.entries.map(({ path }) => path));
          prefixes.push(...page.prefixes);
        }
        const plain = whole.map(({ path }) => path).filter((path) => !path.includes(delimiter));
        assert.deepEqual(entries, plain);
        assert.equal(new Set(prefixes).size, prefixes.length);
        const covered = whole.filter(({ path }) => prefixes.some((prefix) => path.startsWith(prefix)));
        assert.equal(covered.length + entries.length, whole.length);
      }
    }
  });

  it('fails as it is told to, so often', async () => {
    const { faults } = lake.server;
    faults.add({ method: 'GET', path: /\/tags/, status: 429, retryAfter: 7, times: 1 });
    await assert.rejects(client.tag('sample', 'v9'), { code: 'THROTTLED', retryAfter: 7000 });
    await assert.rejects(client.tag('sample', 'v9'), { code: 'NOT_FOUND' });
    faults.add({ cut: true, times: 1 });
    await assert.rejects(client.tag('sample', 'v9'), { code: 'CONNECTION' });
    faults.add({ path: /objects/, status: 410, message: 'resource expired' });
    await assert.rejects(client.get('sample', 'main', 'main/other'), {
      code: 'NOT_FOUND',
      message: /expired/,
    });
    faults.clear();
    await client.get('sample', 'main', 'main/other').then(({ body }) => body.resume());
  });
});

describe('the webhooks of the sample lake', () => {
  it('are posted with the fields that lakeFS posts, and can forbid', async () => {
    const recorded = readFileSync(join(import.meta.dirname, '../fixtures/lakefs/webhooks.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).json as Record<string, unknown>);
    const posted: Record<string, unknown>[] = [];
    let status = 200;
    const receiver = createServer((request, response) => {
      readAll(request).then((body) => {
        posted.push({ ...JSON.parse(body.toString()), url: request.url });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const port = (receiver.address() as AddressInfo).port;
    const lake = await createSampleLake({ repository: 'hooks' });
    lake.server.hooks.webhooks.push({ url: `http://127.0.0.1:${port}/hooks/lakefs?table=orders` });

    await lake.put('main', 'x', '1');
    await lake.commit('main', 'one', { k: 'v' });
    await call(lake, 'POST', '/repositories/hooks/branches', { name: 'dev', source: 'main' });
    await lake.put('dev', 'x', '2');
    await lake.commit('dev', 'two');
    await lake.merge('dev', 'main', 'm');
    await call(lake, 'POST', '/repositories/hooks/tags', { id: 't1', ref: 'main' });
    const names = (event: Record<string, unknown>) =>
      Object.keys(event)
        .filter((name) => name !== 'url')
        .sort();
    for (const event of recorded) {
      const same = posted.find(({ event_type }) => event_type === event.event_type)!;
      assert.ok(same, String(event.event_type));
      assert.deepEqual(names(same), names(event));
      for (const name of [
        'branch_id',
        'commit_message',
        'commit_metadata',
        'merge_source',
        'tag_id',
        'committer',
      ])
        assert.deepEqual(same[name], event[name], `${event.event_type}: ${name}`);
      assert.match(String(same.event_time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }

    status = 500;
    await lake.put('main', 'x', '3');
    const forbidden = await call(lake, 'POST', '/repositories/hooks/branches/main/commits', {
      message: 'no',
    });
    assert.equal(forbidden.status, 412);
    receiver.close();
    receiver.closeAllConnections();
    await lake.close();
  });
});

describe('the synthetic lake', () => {
  it('has objects that nobody stored: listed, read and compared like any', async () => {
    const server = await syntheticLake(120_000, { changed: 500 });
    const client = new LakeClient(server.connection);
    const [main, v1] = await Promise.all(['main', 'v1'].map((ref) => client.commit('synthetic', ref)));
    const [now, before] = await Promise.all(
      [main!, v1!].map(({ id }) => openSnapshot(client, 'synthetic', id)),
    );
    let count = 0;
    let last = '';
    for await (const batch of now!.entries()) {
      count += batch.length;
      assert.ok(batch[0]!.path > last);
      last = batch.at(-1)!.path;
    }
    assert.equal(count, 120_000);
    const changes = await collected(now!.diff(before!));
    assert.equal(changes.length, 500);
    assert.ok(changes.every(({ type }) => type === 'changed'));
    const page = await client.listPage('synthetic', 'main', { after: changes[498]!.path, amount: 3 });
    const [, second] = page.entries;
    const [same] = await collected(now!.entries({ after: page.entries[0]!.path, until: second!.path }));
    assert.deepEqual(
      { ...same, identity: undefined, metadata: undefined },
      { ...second, identity: undefined, metadata: undefined },
    );
    const { body } = await client.get('synthetic', 'main', second!.path);
    assert.equal((await readAll(body)).length, second!.size);
    const { hash } = await import('node:crypto');
    const again = await client.get('synthetic', 'main', second!.path);
    assert.equal(hash('md5', await readAll(again.body)), second!.checksum);
    await client.close();
    await server.close();
  });
});

async function* pagesOf<T>(pages: AsyncIterable<{ entries: T[] }>): AsyncGenerator<T[]> {
  for await (const { entries } of pages) yield entries;
}
