import type { Store } from '../../../stores/store.ts';
import type { LakefsConnection } from '../../client/connection.ts';

/**
 * A repository as the bucket that lakeFS's S3 gateway shows, with the ref as the first name of each key. lakeFS
 * answers S3 at its API's address: it tells requests apart by their signature (lakeFS docs, "S3-supported API").
 */
export async function openS3Gateway(connection: LakefsConnection, repository: string): Promise<Store> {
  const [{ S3Store }, { parseS3Connection }] = await Promise.all([
    import('../../../stores/s3/store.ts'),
    import('../../../stores/s3/settings.ts'),
  ]);
  const settings = parseS3Connection({
    name: 'lakefs',
    type: 's3',
    endpoint: connection.endpoint,
    region: 'us-east-1',
    path_style: true,
    access_key_id: connection.accessKeyId,
    secret_access_key: connection.secretAccessKey,
  });
  return new S3Store(settings, repository);
}
