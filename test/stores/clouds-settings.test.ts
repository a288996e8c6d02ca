import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAzureConnection } from '../../src/stores/azure/settings.ts';
import { parseGcsConnection } from '../../src/stores/gcs/settings.ts';
import { fails } from '../contracts/store/subject.ts';

const gcs = (settings: object, env = {}) => parseGcsConnection({ name: 'g', type: 'gcs', ...settings }, env);
const azure = (settings: object, env = {}) =>
  parseAzureConnection({ name: 'z', type: 'azure', ...settings }, env);
const bad = (parse: () => unknown) => fails((async () => parse())(), 'BAD_CONFIG');

describe('settings of gcs connections', () => {
  it('choose whose name requests carry', () => {
    assert.deepEqual(gcs({}).credentials, { kind: 'default' });
    assert.deepEqual(gcs({ anonymous: true }).credentials, { kind: 'anonymous' });
    assert.deepEqual(gcs({ token: 't' }).credentials, { kind: 'token', token: 't' });
    assert.deepEqual(gcs({ credentials: '{"a":1}' }).credentials, { kind: 'key', key: { a: 1 } });
    assert.deepEqual(gcs({ endpoint: 'http://127.0.0.1:4443/storage' }).credentials, { kind: 'anonymous' });
    assert.equal(gcs({ endpoint: 'http://127.0.0.1:4443/storage' }).endpoint, 'http://127.0.0.1:4443');
  });

  it('come from the environment without a connection only', () => {
    const env = { STORAGE_EMULATOR_HOST: 'localhost:4443', GOOGLE_CLOUD_PROJECT: 'p' };
    assert.equal(parseGcsConnection(undefined, env).endpoint, 'http://localhost:4443');
    assert.equal(gcs({}, env).endpoint, 'https://storage.googleapis.com');
  });

  it('are refused when they make no sense', async () => {
    await bad(() => gcs({ tokn: 't' }));
    await bad(() => gcs({ credentials: 'no json' }));
    await bad(() => gcs({ key_file: '/nowhere/key.json' }));
    await bad(() => gcs({ chunk_size: '1KiB' }));
  });
});

describe('settings of azure connections', () => {
  it('take a connection string apart', () => {
    const { account, endpoint, credentials } = azure({
      connection_string:
        'DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix=core.test',
    });
    assert.deepEqual([account, endpoint], ['acct', 'https://acct.blob.core.test']);
    assert.deepEqual(credentials, { kind: 'key', key: 'a2V5==' });
    const signed = azure({ connection_string: 'BlobEndpoint=https://x/;SharedAccessSignature=sv=1&sig=2' });
    assert.deepEqual(
      [signed.endpoint, signed.credentials],
      ['https://x', { kind: 'sas', token: 'sv=1&sig=2' }],
    );
  });

  it('choose whose name requests carry', () => {
    assert.deepEqual(azure({ account: 'a' }).credentials, { kind: 'identity' });
    assert.deepEqual(azure({ account: 'a', sas_token: '?sv=1' }).credentials, { kind: 'sas', token: 'sv=1' });
    assert.deepEqual(azure({ account: 'a', anonymous: true }).credentials, { kind: 'anonymous' });
    const env = { AZURE_STORAGE_ACCOUNT: 'e', AZURE_STORAGE_KEY: 'k' };
    assert.deepEqual(parseAzureConnection(undefined, env).credentials, { kind: 'key', key: 'k' });
    assert.deepEqual(azure({ account: 'a' }, env).credentials, { kind: 'identity' });
  });

  it('are refused when they make no sense', async () => {
    await bad(() => azure({ key: 'k' }));
    await bad(() => azure({ connection_string: 'nonsense' }));
    await bad(() => azure({ account: 'a', sas: 'x' }));
    await bad(() => azure({ account: 'a', endpoint: 'nowhere' }));
  });
});
