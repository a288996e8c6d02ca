import { after, before, describe } from 'node:test';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { parseAzureConnection } from '../../src/stores/azure/settings.ts';
import { AzureStore } from '../../src/stores/azure/store.ts';
import { type ContractOptions, storeContract } from '../contracts/store.ts';
import { type AzureServer, startAzurite } from './harness.ts';

describe('Azure Blob Storage', () => {
  let server: AzureServer;
  let containers = 0;
  before(async () => {
    server = await startAzurite();
  });
  after(() => server?.stop());

  const open = async (settings: (server: AzureServer) => object) => {
    const container = `container-${++containers}`;
    await BlobServiceClient.fromConnectionString(server.connectionString)
      .getContainerClient(container)
      .create();
    const connection = { name: 'test', type: 'azure', block_size: '128KiB', ...settings(server) };
    return { store: new AzureStore(parseAzureConnection(connection), { container }) };
  };
  // What Azure would take for other keys.
  const options: ContractOptions = { refusedKeys: ['keys/back\\slash', 'keys/./dot', 'keys/../up'] };

  storeContract(
    'AzureStore with a connection string',
    () => open(({ connectionString }) => ({ connection_string: connectionString })),
    options,
  );

  storeContract(
    'AzureStore with a shared access signature',
    () =>
      open(({ account, key, endpoint }) => {
        const credential = new StorageSharedKeyCredential(account, key);
        const token = generateAccountSASQueryParameters(
          {
            expiresOn: new Date(Date.now() + 3600_000),
            permissions: AccountSASPermissions.parse('rwdlacupt'),
            resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
            services: AccountSASServices.parse('b').toString(),
          },
          credential,
        );
        return { account, endpoint, sas_token: token.toString() };
      }),
    { ...options, many: 20 },
  );
});
