/** The S3 Store on real servers. */
import dns from 'node:dns';
import { after, before, describe } from 'node:test';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { type ContractOptions, storeContract } from '../contracts/store.ts';
import { type S3Server, startMinio } from './harness.ts';

// The fetch that tries presigned addresses needs names under localhost to be this machine, as browsers have it.
const systemLookup = dns.lookup;
dns.lookup = ((name: string, ...rest: unknown[]) =>
  Reflect.apply(systemLookup, dns, [
    name.endsWith('.localhost') ? 'localhost' : name,
    ...rest,
  ])) as typeof dns.lookup;

function contractOn(
  name: string,
  start: () => Promise<S3Server>,
  settings: (server: S3Server) => Record<string, unknown>,
  options: ContractOptions,
): void {
  describe(name, () => {
    let server: S3Server;
    let buckets = 0;
    before(async () => {
      server = await start();
    });
    after(async () => server?.stop());
    storeContract(
      name,
      async () => {
        const bucket = `contract-${++buckets}`;
        await server.createBucket(bucket);
        const connection = {
          name,
          type: 's3',
          endpoint: server.endpoint,
          region: server.region,
          access_key_id: server.accessKeyId,
          secret_access_key: server.secretAccessKey,
          // Small, so that the suite's large bodies go by parts.
          multipart_threshold: '5MiB',
          part_size: '5MiB',
          copy_threshold: '5MiB',
          copy_part_size: '5MiB',
          ...settings(server),
        };
        return { store: new S3Store(parseS3Connection(connection), bucket) };
      },
      { large: 12_000_000, ...options },
    );
  });
}

// MinIO keeps keys as paths of a file system.
const MINIO: ContractOptions = {
  refusedKeys: ['keys//double//slash', 'keys/./dot', 'keys/../up', `keys/long/${'x'.repeat(1013)}y`],
  keyBelowObject: 'BAD_KEY',
  skip: {
    "refuses an object below another object's key": 'MinIO takes it, and leaves it out of listings',
    '/keys/leading': 'MinIO drops the slash and keeps the object as keys/leading',
    'lists parts and uploads, in pages': 'MinIO lists uploads of one whole key only',
  },
};

contractOn(
  'minio by path',
  () => startMinio(),
  () => ({}),
  MINIO,
);

contractOn(
  'minio by virtual host',
  () => startMinio({ domain: 's3.localhost' }),
  (server) => ({ endpoint: server.endpoint.replace('127.0.0.1', 's3.localhost'), path_style: false }),
  MINIO,
);
