/** The stores of Google and Azure behind a bad network: all of it arrives right, or an error says why not. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { parseAzureConnection } from '../../src/stores/azure/settings.ts';
import { AzureStore } from '../../src/stores/azure/store.ts';
import { parseGcsConnection } from '../../src/stores/gcs/settings.ts';
import { GcsStore } from '../../src/stores/gcs/store.ts';
import type { Store } from '../../src/stores/store.ts';
import { bytesOf, fails, listed, patterned } from '../contracts/store/subject.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { startAzurite, startFakeGcs } from './harness.ts';
import { freePorts } from './process.ts';

interface Bad {
  store: Store;
  proxy: FaultProxy;
  stop(): Promise<void>;
}

async function google(): Promise<Bad> {
  const [port] = await freePorts(1);
  const proxy = await startFaultProxy(`http://127.0.0.1:${port}`);
  const publicHost = new URL(proxy.endpoint).host;
  const server = await startFakeGcs({ buckets: ['bucket'], port, publicHost });
  const connection = {
    ...{ name: 'test', type: 'gcs', endpoint: proxy.endpoint },
    ...{ chunk_size: '256KiB', timeout: 4, retries: 15 },
  };
  const store = new GcsStore(parseGcsConnection(connection), 'bucket');
  return { store, proxy, stop: () => Promise.all([proxy.stop(), server.stop()]).then(() => undefined) };
}

async function azure(): Promise<Bad> {
  const server = await startAzurite();
  await BlobServiceClient.fromConnectionString(server.connectionString).getContainerClient('box').create();
  const { origin, pathname } = new URL(server.endpoint);
  const proxy = await startFaultProxy(origin);
  const connection = {
    ...{ name: 'test', type: 'azure', account: server.account, key: server.key },
    ...{ endpoint: proxy.endpoint + pathname, block_size: '256KiB', timeout: 4, retries: 15 },
  };
  const store = new AzureStore(parseAzureConnection(connection), { container: 'box' });
  return { store, proxy, stop: () => Promise.all([proxy.stop(), server.stop()]).then(() => undefined) };
}

for (const [name, start] of Object.entries({ google, azure })) {
  describe(`${name} behind a bad network`, () => {
    let bad: Bad;
    before(async () => {
      bad = await start();
    });
    after(async () => {
      await bad?.store.close();
      await bad?.stop();
    });

    test('everything arrives and is read back right', async () => {
      const { store, proxy } = bad;
      const faults: Fault[] = [
        { refuse: true },
        { cutAfter: 100 },
        { cutAfter: 20_000 },
        { cutRequestAfter: 5000 },
        { answer: { status: 503 } },
        { answer: { status: 500 } },
        { answer: { status: 429, headers: { 'retry-after': '0' } } },
      ];
      for (const fault of faults) proxy.rule({ chance: 0.04, times: 1e9 }, fault);
      const bytes = (i: number) => patterned(i % 5 === 0 ? 700_000 + i : 100 + i * 400, i + 1);
      await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const body = i % 2 === 0 ? bytes(i) : async () => Readable.from([bytes(i)]);
          await store.put(`bad/${i}`, body);
        }),
      );
      assert.equal((await listed(store, { prefix: 'bad/', pageSize: 7 })).keys.length, 40);
      for (let i = 0; i < 40; i++) assert.ok((await bytesOf(store, `bad/${i}`)).equals(bytes(i)), `bad/${i}`);
      assert.deepEqual(await store.deleteMany(Array.from({ length: 40 }, (_, i) => `bad/${i}`)), []);
      proxy.clear();
      assert.deepEqual((await listed(store, { prefix: 'bad/' })).keys, []);
    });

    test('a body goes on after silence, and is never longer or shorter than promised', async () => {
      const { store, proxy } = bad;
      const bytes = patterned(600_000);
      await store.put('silent', bytes);
      proxy.rule({ method: 'GET', path: /silent/ }, { stallAfter: 100_000 });
      assert.ok((await bytesOf(store, 'silent')).equals(bytes));
      proxy.clear();
    });

    test('a listing that is cut at any byte is asked for again', async () => {
      const { store, proxy } = bad;
      for (const cutAfter of [0, 1, 100, 500, 700]) {
        const rule = proxy.rule({ method: 'GET' }, { cutAfter });
        assert.deepEqual((await listed(store, { prefix: 'silent' })).keys, ['silent']);
        assert.equal(rule.hits, 1);
      }
    });

    test('an answer that never comes is asked for again', async () => {
      const { store, proxy } = bad;
      proxy.rule({ path: /silent/ }, { hang: true });
      assert.equal((await store.head('silent')).size, 600_000);
      proxy.clear();
    });

    test('bytes that change on their way are found, and sent once more', async () => {
      const { store, proxy } = bad;
      const writes =
        name === 'google' ? { method: 'POST', path: /upload/ } : { method: 'PUT', path: /changed/ };
      for (const size of name === 'google' ? [1500] : [1500, 600_000]) {
        const rule = proxy.rule({ ...writes, times: 2 }, { corruptRequestAt: 900 });
        await store.put('changed', patterned(size));
        assert.ok(rule.hits > 0);
        assert.ok((await bytesOf(store, 'changed')).equals(patterned(size)));
        proxy.clear();
      }
    });

    test('what trying again does not mend is not tried again', async () => {
      const { store, proxy } = bad;
      const rule = proxy.rule({ times: 100 }, { answer: { status: 403 } });
      await fails(store.head('silent'), 'ACCESS_DENIED');
      assert.equal(rule.hits, 1);
      proxy.clear();
    });
  });
}
