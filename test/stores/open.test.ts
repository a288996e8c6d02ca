import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { storeOpener } from '../../src/stores/open.ts';
import { storeProviders } from '../../src/stores/providers.ts';
import { fails, text } from '../contracts/store/subject.ts';

describe('openStore', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-open-'));
  });
  after(() => rm(folder, { recursive: true }));

  const opener = async (...[list, use]: Parameters<typeof connectionsOf>) =>
    storeOpener(await storeProviders(), connectionsOf(list, use));
  const connections = [
    { name: 'minio', type: 's3', endpoint: 'http://127.0.0.1:9', access_key_id: 'a', secret_access_key: 'b' },
    { name: 'google', type: 'gcs', anonymous: true },
    { name: 'blobs', type: 'azure', account: 'acct', key: 'c2VjcmV0' },
    { name: 'disk', type: 'file', root: '/data/lake' },
  ];

  it('says what is wrong with a path that cannot be looked at', async () => {
    const open = await opener();
    await assert.rejects(open(`${folder}/${'x'.repeat(300)}`), { code: 'BAD_KEY', message: /too long/ });
    const loop = join(folder, 'loop');
    await symlink(loop, loop);
    await assert.rejects(open(loop), { code: 'ACCESS_DENIED', message: /loop.*symbolic link/ });
  });

  it('takes nothing for a folder that is an address with a slash too few, or empty', async () => {
    const open = await opener(connections, { 'minio://': 'minio' });
    for (const [uri, advice] of [
      ['s3:/bucket/x', /Write s3:\/\/bucket\/x, or \.\/s3:\/bucket\/x/],
      ['s3//bucket/x', /Write s3:\/\/bucket\/x/],
      ['minio:/bucket', /Write minio:\/\/bucket/],
      ['lakefs:repo/main', /Write lakefs:\/\/repo\/main/],
      ['', /empty/],
    ] as const)
      await assert.rejects(open(uri), { code: 'BAD_URI', message: advice }, uri);
    assert.equal((await open('./s3:/bucket')).store.kind, 'file');
    assert.equal((await open('sub//folder')).store.kind, 'file');
  });

  it('finds the store and the path in every kind of address, and decodes nothing', async () => {
    const open = await opener(connections, { 'az://': 'blobs', 'minio://': 'minio' });
    for (const [uri, kind, name, path] of [
      ['s3://bucket/a b/%41?x#y', 's3', 's3://bucket', 'a b/%41?x#y'],
      ['s3a://bucket', 's3', 's3://bucket', ''],
      ['minio://bucket/x', 's3', 's3://bucket', 'x'],
      ['gs://bucket/a//b/', 'gcs', 'gs://bucket', 'a//b/'],
      ['az://container/x', 'azure', 'az://container', 'x'],
      ['abfss://box@acct.dfs.core.windows.net/x/y', 'azure', 'az://box', 'x/y'],
      ['wasbs://box@acct.blob.core.windows.net/', 'azure', 'az://box', ''],
      ['https://acct.blob.core.windows.net/box/a%20b', 'azure', 'az://box', 'a%20b'],
      ['memory://m/a/b', 'memory', 'memory://m', 'a/b'],
      [`file://${folder}/a%20b/`, 'file', `file://${folder}/a%20b`, ''],
      [`file:${folder}`, 'file', `file://${folder}`, ''],
      ['./x/../y', 'file', `file://${process.cwd()}/y`, ''],
    ] as const) {
      const found = await open(uri);
      assert.deepEqual([found.store.kind, found.store.name, found.path], [kind, name, path], uri);
      assert.equal(found.uri, uri);
    }
    await open.close();
  });

  it('keeps one Store for a container and connection', async () => {
    const open = await opener(connections);
    const [a, b] = [await open('memory://one/x'), await open('memory://one/y')];
    assert.equal(a.store, b.store);
    assert.notEqual(a.store, (await open('memory://two')).store);
    const blob = await open('https://acct.blob.core.windows.net/box/x', { connection: 'blobs' });
    const lake = await open('abfss://box@acct.dfs.core.windows.net/y', { connection: 'blobs' });
    assert.equal(blob.store, lake.store);
    assert.notEqual(blob.store, (await open('https://acct.blob.core.windows.net/box/x')).store);
  });

  it('takes the path of a file as an object in its folder', async () => {
    const open = await opener();
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub/file.txt'), 'content');
    const file = await open(join(folder, 'sub/file.txt'));
    assert.equal(file.path, 'file.txt');
    assert.equal(await text(file.store, file.path), 'content');
    assert.equal((await open(join(folder, 'sub'))).path, '');
  });

  it('keeps a file connection inside its root', async () => {
    const open = await opener(connections, { 'file:///data/lake': 'disk' });
    const { store, path } = await open('file:///data/lake/raw/x/');
    assert.deepEqual([store.name, path], ['file:///data/lake', 'raw/x/']);
    await fails(open('file:///data/lake/../other', { connection: 'disk' }), 'BAD_URI');
    await fails(open('/data/lakeside', { connection: 'disk' }), 'BAD_URI');
  });

  it('says what is wrong with an address or its connection', async () => {
    const open = await opener([...connections, { name: 'bad', type: 'gcs', tokn: 'x' }]);
    await fails(open('ftp://host/x'), 'BAD_URI');
    await fails(open('s3:///x'), 'BAD_URI');
    await fails(open('gs://'), 'BAD_URI');
    await fails(open('file://elsewhere/x'), 'BAD_URI');
    await fails(open('https://example.com/x'), 'BAD_URI');
    await fails(open('https://acct.blob.core.windows.net/box/x?sv=1&sig=c2VjcmV0'), 'BAD_URI');
    await fails(open('s3://bucket', { connection: 'nobody' }), 'NOT_FOUND');
    await fails(open('s3://bucket', { connection: 'google' }), 'BAD_CONFIG');
    await fails(open('gs://bucket', { connection: 'bad' }), 'BAD_CONFIG');
  });
});
