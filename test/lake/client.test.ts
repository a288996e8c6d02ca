import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { LakeClient } from '../../src/lake/client/client.ts';
import { readAll } from '../../src/stores/read.ts';

async function collected<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

const retry = { attempts: 4, baseDelay: 1, maxDelay: 5, deadline: 5000 };

describe('the client of lakeFS', () => {
  let lake: SampleLake;
  let client: LakeClient;
  before(async () => {
    lake = await createSampleLake();
    client = new LakeClient(lake.server.connection, { retry });
    for (let i = 0; i < 2500; i++) await lake.put('main', `n/${String(i).padStart(4, '0')}`, `${i}`);
    await lake.put('main', 'odd/ %41?#+é😀', 'odd', { contentType: 'text/x', metadata: { k: 'v' } });
    await lake.commit('main', 'first');
  });
  beforeEach(() => lake.server.faults.clear());
  after(async () => {
    await client.close();
    await lake.close();
  });

  it('lists all pages in order, and stops where it is left', async () => {
    const paths: string[] = [];
    for await (const page of client.list('sample', 'main'))
      paths.push(...page.entries.map(({ path }) => path));
    assert.equal(paths.length, 2501);
    assert.deepEqual(paths, [...paths].sort());
    let pages = 0;
    for await (const page of client.list('sample', 'main', { amount: 10, prefix: 'n/' })) {
      assert.equal(page.entries.length, 10);
      if (++pages === 3) break;
    }
  });

  it('reads any name, whole and in part', async () => {
    const path = 'odd/ %41?#+é😀';
    const entry = await client.stat('sample', 'main', path);
    assert.deepEqual([entry.size, entry.contentType, entry.metadata], [3, 'text/x', { k: 'v' }]);
    const part = await client.get('sample', 'main', path, { range: { start: 1, end: 1 } });
    assert.equal((await readAll(part.body)).toString(), 'd');
    assert.equal(part.contentRange, 'bytes 1-1/3');
    const last = await client.get('sample', 'main', path, { range: { last: 2 } });
    assert.equal((await readAll(last.body)).toString(), 'dd');
  });

  it("tells what is wrong with lakeFS's own words and a code", async () => {
    const cases: [Promise<unknown>, string, RegExp][] = [
      [client.repository('absent'), 'NOT_FOUND', /"repository not found"/],
      [client.commit('sample', 'absent'), 'NOT_FOUND', /commit of absent.*"commit not found"/],
      [client.branch('sample', 'absent'), 'NOT_FOUND', /"branch not found"/],
      [client.stat('sample', 'main', 'absent'), 'NOT_FOUND', /look up absent/],
      [client.get('sample', 'main', 'n/0001', { presign: true }), 'UNSUPPORTED', /presigned URL/],
      [client.get('sample', 'main', 'n/0001', { range: { start: 9 } }), 'RANGE_NOT_SATISFIABLE', /416/],
      [client.commitBranch('sample', 'main', 'again'), 'BAD_SPEC', /no changes/],
    ];
    for (const [call, code, message] of cases) await assert.rejects(call, { code, message });
  });

  it('says that credentials are wrong, without showing them', async () => {
    const wrong = new LakeClient({ ...lake.server.connection, secretAccessKey: 'not-the-secret' });
    await assert.rejects(wrong.repository('sample'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'UNAUTHENTICATED');
      assert.match(error.message, /Check the access key id/);
      assert.doesNotMatch(`${error.message}${error.stack}`, /not-the-secret/);
      return true;
    });
    await wrong.close();
  });

  it('says that it is no lakeFS that answers', async () => {
    const other = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<html>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const lost = new LakeClient({ ...lake.server.connection, endpoint }, { retry });
    await assert.rejects(lost.repository('sample'), { code: 'PROTOCOL', message: /Check the endpoint/ });
    await lost.close();
    other.close();
    const nobody = new LakeClient({ ...lake.server.connection, endpoint }, { retry });
    await assert.rejects(nobody.repository('sample'), {
      code: 'CONNECTION',
      message: /Check that lakeFS runs/,
    });
    await nobody.close();
  });

  it('says that it was closed, to those who still wait for an answer and to those who ask later', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const closed = new LakeClient({ ...lake.server.connection, endpoint }, { retry });
    const asked = once(silent, 'request');
    const waiting = closed.repository('sample');
    waiting.catch(() => undefined);
    await asked;
    await closed.close();
    const expected = { code: 'CANCELED', retryable: false, message: /repository.*closed/ };
    await assert.rejects(waiting, expected);
    await assert.rejects(closed.repository('sample'), expected);
    silent.closeAllConnections();
    silent.close();
  });

  it('tries again when it is throttled, when the server fails, and when the connection is cut', async () => {
    lake.server.faults.add({ path: /\/commits\//, times: 1, status: 429 });
    lake.server.faults.add({ path: /\/commits\//, times: 1, status: 503 });
    lake.server.faults.add({ path: /\/commits\//, times: 1, cut: true });
    assert.equal((await client.commit('sample', 'main')).message, 'first');
  });

  it('gives up in the end with what was the matter', async () => {
    lake.server.faults.add({ path: /\/commits\//, status: 500, message: 'out of order' });
    await assert.rejects(client.commit('sample', 'main'), { code: 'UNAVAILABLE', message: /out of order/ });
    lake.server.faults.clear();
    lake.server.faults.add({ path: /\/commits\//, status: 403, message: 'insufficient permissions' });
    await assert.rejects(client.commit('sample', 'main'), { code: 'ACCESS_DENIED' });
  });

  it('never repeats a commit whose answer was lost', async () => {
    await lake.put('main', 'n/new', 'x');
    lake.server.faults.add({ method: 'POST', path: /\/commits$/, times: 1, cut: true });
    const call = client.commitBranch('sample', 'main', 'second');
    await assert.rejects(call, { code: 'CONNECTION', retryable: false, message: /may have been done/ });
    assert.equal((await client.commitBranch('sample', 'main', 'second')).message, 'second');
  });

  it('stops when its signal says so', async () => {
    lake.server.faults.add({ path: /\/commits\//, delay: 10_000 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(client.commit('sample', 'main', { signal: controller.signal }), {
      code: 'CANCELED',
    });
  });

  it('reads history, branches, tags, differences and what is staged', async () => {
    lake.tag('v1', 'main');
    lake.branch('dev');
    await client.upload('sample', 'dev', 'n/0001', Buffer.from('changed'), { metadata: { a: 'b' } });
    await client.upload('sample', 'dev', 'added', async () =>
      (await import('node:stream')).Readable.from(['x']),
    );
    const failures = await client.deleteObjects('sample', 'dev', ['n/0002', 'never-was']);
    assert.deepEqual(failures, []);
    const staged = await collected(client.uncommitted('sample', 'dev'));
    const expected = [
      { path: 'added', type: 'added', size: 1 },
      { path: 'n/0001', type: 'changed', size: 7 },
      { path: 'n/0002', type: 'removed', size: 1 },
    ];
    assert.deepEqual(staged, expected);
    const { id } = await client.commitBranch('sample', 'dev', 'on dev', { metadata: { by: 'test' } });
    assert.deepEqual(await collected(client.diff('sample', 'v1', id)), expected);
    const log = await collected(client.log('sample', 'dev', { amount: 2 }));
    assert.equal(log[0]!.id, id);
    assert.equal(log.at(-1)!.message, 'Repository created');
    const names = async (pages: AsyncIterable<{ id: string }[]>) =>
      (await collected(pages)).map(({ id }) => id);
    assert.deepEqual(await names(client.branches('sample')), ['dev', 'main']);
    assert.deepEqual(await names(client.tags('sample')), ['v1']);
    assert.deepEqual(await names(client.repositories()), ['sample']);
    const again = client.upload('sample', 'dev', 'added', Buffer.from('y'), { ifNoneMatch: '*' });
    await assert.rejects(again, { code: 'PRECONDITION_FAILED' });
  });
});

describe('presigned addresses', () => {
  it('are followed to the object store without the credentials of lakeFS', async () => {
    const seen: (string | undefined)[] = [];
    const bucket = createServer((request, response) => {
      seen.push(request.headers.authorization, request.headers.range);
      if (request.url!.includes('expired')) {
        response.writeHead(403);
        response.end('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');
      } else response.end('from the bucket');
    });
    await new Promise<void>((resolve) => bucket.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(bucket.address() as AddressInfo).port}/key?X-Amz-Signature=very-secret`;
    const lake = await createSampleLake();
    let expired = '';
    lake.repository.storage.presign = async () => url + expired;
    await lake.put('main', 'x', 'from the bucket');
    const client = new LakeClient(lake.server.connection, { retry });

    assert.equal((await client.storageConfig()).pre_sign_support, true);
    const { body } = await client.get('sample', 'main', 'x', { presign: true, range: { start: 0 } });
    assert.equal((await readAll(body)).toString(), 'from the bucket');
    const listed = await client.listPage('sample', 'main', { presign: true });
    assert.deepEqual([listed.entries[0]!.presignedUrl, listed.entries[0]!.physicalAddress], [url, '']);
    const direct = await client.getPresigned(url, { store: 'lakefs://sample/main', key: 'x' });
    assert.equal((await readAll(direct.body)).toString(), 'from the bucket');
    expired = '&expired';
    await assert.rejects(client.get('sample', 'main', 'x', { presign: true }), (error: Error) => {
      assert.equal((error as Error & { code: string }).code, 'ACCESS_DENIED');
      assert.match(error.message, /403 AccessDenied/);
      assert.doesNotMatch(error.message, /very-secret/);
      return true;
    });
    assert.deepEqual(seen.slice(0, 4), [undefined, 'bytes=0-', undefined, undefined]);
    await client.close();
    await lake.close();
    bucket.close();
  });
});
