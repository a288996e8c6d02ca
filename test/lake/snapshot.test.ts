import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { compareKeys } from '../../src/base/keys.ts';
import { sampleContent } from '../../src/demo/lake/content.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import type { LakeServer } from '../../src/demo/lake/server.ts';
import { LakeClient } from '../../src/lake/client/client.ts';
import type { LakeEntry } from '../../src/lake/client/entry.ts';
import { openBranchSnapshot, openSnapshot } from '../../src/lake/snapshot/open.ts';
import type { Change, CommitSnapshot, KeyRange, SnapshotOptions } from '../../src/lake/snapshot/snapshot.ts';
import { recordedCommits, recordedLake } from '../support/recorded-lake.ts';

async function collected<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

async function pieces(ranges: AsyncIterable<KeyRange>): Promise<KeyRange[]> {
  const all: KeyRange[] = [];
  for await (const range of ranges) all.push(range);
  return all;
}

/** Without what listings do not tell. */
const plain = (entry: LakeEntry | undefined) => entry && { ...entry, identity: undefined };
const plainChange = ({ path, type, entry, before }: Change) => [path, type, plain(entry), plain(before)];

async function entriesOf(snapshot: CommitSnapshot, options?: SnapshotOptions) {
  return (await collected(snapshot.entries(options))).map(plain).map((entry) => ({
    contentType: undefined,
    metadata: undefined,
    ...entry,
  }));
}

async function changesOf(snapshot: CommitSnapshot, since: CommitSnapshot, options?: SnapshotOptions) {
  return (await collected(snapshot.diff(since, options)))
    .map(plainChange)
    .map((change) => JSON.parse(JSON.stringify(change)));
}

const windows: SnapshotOptions[] = [
  {},
  { prefix: 'events/date=2026-01-1' },
  { prefix: 'odd names/' },
  { after: 'events/date=2026-01-05/part-00005.jsonl' },
  { after: 'events/date=2026-01-03/_SUCCESS', until: 'events/date=2026-01-20/zzz' },
  { until: 'big.bin' },
  { until: 'odd names/\u{10ffff}', prefix: 'o' },
  { after: 'events/', until: 'odd', prefix: 'events/date=2026-01-2' },
  { prefix: 'nothing' },
  { after: 'zzz' },
];

describe('a commit by its metadata and by the API', () => {
  let server: LakeServer;
  let client: LakeClient;
  const { c1, c2, c3, merge } = recordedCommits('lakefs') as Record<'c1' | 'c2' | 'c3' | 'merge', string>;
  const both = (commit: string): Promise<CommitSnapshot[]> =>
    Promise.all([
      openSnapshot(client, 'sample', commit),
      openSnapshot(client, 'sample', commit, { metadata: 'none' }),
    ]);
  before(async () => {
    server = await recordedLake('lakefs');
    client = new LakeClient(server.connection, {
      retry: { attempts: 2, baseDelay: 1, maxDelay: 1, deadline: 1000 },
    });
  });
  beforeEach(() => server.faults.clear());
  after(async () => {
    await client.close();
    await server.close();
  });

  it('gives the same entries', async () => {
    for (const commit of [c1, c3, merge]) {
      const [metadata, api] = await both(commit);
      assert.deepEqual([metadata!.from, api!.from], ['metadata', 'api']);
      for (const window of windows)
        assert.deepEqual(await entriesOf(metadata!, window), await entriesOf(api!, window));
    }
  });

  it('gives the same differences, with the entries of both sides', async () => {
    for (const [left, right] of [
      [c1, c2],
      [c1, merge],
      [merge, c1],
      [c2, c2],
    ]) {
      const [metadata, api] = await both(right!);
      const [metadataBefore, apiBefore] = await both(left!);
      for (const window of windows) {
        const found = await changesOf(metadata!, metadataBefore!, window);
        assert.deepEqual(found, await changesOf(api!, apiBefore!, window));
        if (left === right) assert.deepEqual(found, []);
      }
      assert.deepEqual(await changesOf(metadata!, apiBefore!), await changesOf(metadata!, metadataBefore!));
    }
  });

  it('is cut into pieces that hold every object once', async () => {
    for (const snapshot of await both(merge)) {
      for (const [target, count] of [
        [60, 2],
        [400, 5],
      ] as const) {
        for (const window of windows.slice(0, count)) {
          const ranges = await pieces(snapshot.split(target, window));
          assert.equal(ranges[0]!.after, window.after);
          assert.equal(ranges.at(-1)!.until, window.until);
          for (let i = 1; i < ranges.length; i++) assert.equal(ranges[i]!.after, ranges[i - 1]!.until);
          const paths: string[] = [];
          for (const { after, until, objects } of ranges) {
            const found = await collected(snapshot.entries({ ...window, after, until }));
            assert.equal(found.length, objects);
            assert.ok(objects <= target * 2, `${objects} objects where ${target} were meant`);
            paths.push(...found.map(({ path }) => path));
          }
          const whole = await collected(snapshot.entries(window));
          assert.deepEqual(
            paths,
            whole.map(({ path }) => path),
          );
        }
      }
    }
  });

  for (const status of [401, 403, 410, 501]) {
    it(`goes on by listings where metadata is answered with ${status}`, async () => {
      const fresh = new LakeClient(server.connection);
      server.faults.add({ path: /\/metadata\/object\//, status });
      const told: unknown[] = [];
      const snapshot = await openSnapshot(fresh, 'sample', c1, { onFallback: (error) => told.push(error) });
      assert.equal(snapshot.from, 'api');
      assert.equal(told.length, 1);
      assert.equal((await collected(snapshot.entries())).length, 1839);
      await fresh.close();
    });
  }

  it('goes on by listings from where metadata became unreadable', async () => {
    for (const begun of [0, 5, 20]) {
      const fresh = new LakeClient(server.connection);
      const told: unknown[] = [];
      const onFallback = (error: unknown) => told.push(error);
      const [snapshot, past] = [
        await openSnapshot(fresh, 'sample', merge, { onFallback }),
        await openSnapshot(fresh, 'sample', c1),
      ];
      const expected = await entriesOf((await both(merge))[1]!);
      const paths: (string | undefined)[] = [];
      let ranges = 0;
      const refuse = () => server.faults.add({ path: /\/object\/range\//, status: 403 });
      if (begun === 0) refuse();
      for await (const batch of snapshot.entries()) {
        paths.push(...batch.map(({ path }) => path));
        if (++ranges === begun) refuse();
      }
      // What was read ahead of the fault is in the cache, so that a late one may come too late.
      assert.deepEqual(
        paths,
        expected.map(({ path }) => path),
      );
      assert.equal(snapshot.from, told.length > 0 ? 'api' : 'metadata');
      assert.equal((await changesOf(snapshot, past)).length, 73);
      server.faults.clear();
      await fresh.close();
    }
  });

  it('passes on what has nothing to do with metadata', async () => {
    const snapshot = await openSnapshot(client, 'sample', c1);
    const signal = AbortSignal.abort();
    await assert.rejects(collected(snapshot.entries({ signal })), { code: 'CANCELED' });
    await assert.rejects(openSnapshot(client, 'sample', 'f'.repeat(64)), { code: 'NOT_FOUND' });
    await assert.rejects(openBranchSnapshot(client, 'sample', 'absent'), { code: 'NOT_FOUND' });
  });

  it('reads a branch with what is staged on it', async () => {
    const staged = await openBranchSnapshot(client, 'sample', 'main');
    assert.equal(staged.commitId, merge);
    const head = await openSnapshot(client, 'sample', merge);
    const paths = (await collected(staged.entries())).map(({ path }) => path);
    assert.ok(paths.includes('uncommitted.txt'));
    assert.equal(paths.length, 1855);
    assert.deepEqual(
      (await collected(staged.diff(head))).map(({ path, type }) => [path, type]),
      [['uncommitted.txt', 'added']],
    );
    const past = await openSnapshot(client, 'sample', c1);
    assert.equal((await collected(staged.diff(past))).length, 74);
    const ranges = await pieces(staged.split(300));
    let count = 0;
    for (const { after, until } of ranges)
      count += (await collected(staged.entries({ after, until }))).length;
    assert.equal(count, 1855);
  });
});

describe('a commit of the sample lake', () => {
  let lake: SampleLake;
  let client: LakeClient;
  before(async () => {
    lake = await createSampleLake({ rangeEntries: 40 });
    client = new LakeClient(lake.server.connection);
    for (const { path, bytes, ...properties } of sampleContent(600, { buckets: true }))
      await lake.put('main', path, bytes, properties);
    for (const path of ['\u{e000}', '\uffee', '😀', '😀/x', '\u{10ffff}', 'é', 'e\u0301', '\u0001'])
      await lake.put('main', path, path);
    await lake.commit('main', 'first');
  });
  after(async () => {
    await client.close();
    await lake.close();
  });

  it('gives the same both ways in the order of UTF-8 bytes, with types and user metadata', async () => {
    const id = lake.repository.resolve('main').commit.id;
    const metadata = await openSnapshot(client, 'sample', id);
    const api = await openSnapshot(client, 'sample', id, { metadata: 'none' });
    const entries = await entriesOf(metadata);
    assert.deepEqual(entries, await entriesOf(api));
    const paths = entries.map(({ path }) => path!);
    assert.deepEqual(paths, [...paths].sort(compareKeys));
    assert.equal(entries.find(({ path }) => path === 'images/noise.png')?.metadata?.camera, 'none');
    for (const path of ['😀', '\u{e000}', 'events/date=2026-01-28']) {
      const window = { after: path };
      assert.deepEqual(await entriesOf(metadata, window), await entriesOf(api, window));
      assert.deepEqual(await entriesOf(metadata, { until: path }), await entriesOf(api, { until: path }));
    }
  });

  it('shows what was imported where it lies', async () => {
    lake.link('main', 'imported/x', 's3://elsewhere/some/x', { checksum: 'abc-3', size: 12 });
    const { id } = await lake.commit('main', 'imported');
    const [entry] = await collected(
      (await openSnapshot(client, 'sample', id)).entries({ prefix: 'imported/' }),
    );
    assert.deepEqual([entry!.physicalAddress, entry!.checksum], ['s3://elsewhere/some/x', 'abc-3']);
  });

  it('has no differences but those that were made, however many ranges they touch', async () => {
    const past = lake.repository.resolve('main').commit.id;
    const paths = (await collected((await openSnapshot(client, 'sample', past)).entries())).map(
      ({ path }) => path,
    );
    const expected: [string, string][] = [];
    for (const [i, path] of paths.entries()) {
      if (i % 50 === 0) lake.delete('main', path);
      else if (i % 50 === 1) await lake.put('main', path, `changed ${i}`);
      else if (i % 50 === 2) await lake.put('main', `${path}+`, `added ${i}`);
      else continue;
      expected.push([i % 50 === 2 ? `${path}+` : path, ['removed', 'changed', 'added'][i % 50]!]);
    }
    const { id } = await lake.commit('main', 'many changes');
    expected.sort((a, b) => compareKeys(a[0], b[0]));
    for (const metadata of ['api', 'none'] as const) {
      const [now, before] = await Promise.all(
        [id, past].map((commit) => openSnapshot(client, 'sample', commit, { metadata })),
      );
      const changes = await collected(now!.diff(before!));
      assert.deepEqual(
        changes.map(({ path, type }) => [path, type]),
        expected,
      );
      for (const { type, entry, before: old } of changes) {
        assert.equal(entry !== undefined, type !== 'removed');
        assert.equal(old !== undefined, type !== 'added');
      }
    }
  });
});
