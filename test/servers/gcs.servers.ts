import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { parseGcsConnection } from '../../src/stores/gcs/settings.ts';
import { GcsStore } from '../../src/stores/gcs/store.ts';
import { listed, text } from '../contracts/store/subject.ts';
import { type ContractOptions, storeContract } from '../contracts/store.ts';
import { type GcsServer, startFakeGcs } from './harness.ts';

describe('Google Cloud Storage', () => {
  let server: GcsServer;
  let buckets = 0;
  before(async () => {
    server = await startFakeGcs();
  });
  after(() => server?.stop());

  const open = async (settings: object) => {
    const bucket = `bucket-${++buckets}`;
    await server.createBucket(bucket);
    const connection = {
      name: 'test',
      type: 'gcs',
      endpoint: server.endpoint,
      chunk_size: '256KiB',
      ...settings,
    };
    return { store: new GcsStore(parseGcsConnection(connection), bucket) };
  };

  const ignored = 'the emulator takes this condition and does not look at it';
  const options: ContractOptions = {
    skip: {
      'deletes only the etag that is meant, or says that it cannot': ignored,
      'copies only to where nothing is': ignored,
      'completes only where nothing is, when asked': ignored,
      'copies only the etag that is meant': ignored,
    },
  };

  storeContract('GcsStore without credentials', () => open({}), options);

  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const credentials = {
    type: 'service_account',
    client_email: 'sluice@test.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  // The token stands for what Google's server would give for the key.
  const withKey = () => open({ credentials, token: 'token' });
  storeContract('GcsStore with the key of a service account', withKey, { ...options, many: 20 });

  it('joins more parts than one request takes', async () => {
    const { store } = await open({});
    const id = await store.multipart.create('joined');
    const sent = [];
    for (let number = 1; number <= 70; number++) {
      sent.push(await store.multipart.uploadPart('joined', id, number, Buffer.from(`${number},`)));
    }
    await store.multipart.complete('joined', id, sent);
    const due = sent.map((part) => `${part.partNumber},`).join('');
    assert.equal(await text(store, 'joined'), due);
    assert.deepEqual((await listed(store)).keys, ['joined']);
  });
});
