import { parseS3Connection } from '../../../src/stores/s3/settings.ts';
import { S3Store } from '../../../src/stores/s3/store.ts';
import { storeContract } from '../../contracts/store.ts';
import { ALL, startGateway } from '../../gateway/client.ts';

// The S3 Store on one side of the wire, the gateway over memory on the other.
storeContract('The S3 store on a gateway over memory', async () => {
  const { port, close } = await startGateway();
  const connection = {
    name: 'gateway',
    type: 's3',
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    path_style: true,
    access_key_id: ALL.accessKey,
    secret_access_key: ALL.secretKey,
    part_size: 5 * 1024 * 1024,
    multipart_threshold: 900_000,
    retries: 1,
  };
  return { store: new S3Store(parseS3Connection(connection), 'bucket'), cleanup: close };
});
