import type { ObjectInfo, Store } from '../../stores/store.ts';
import type { Call } from '../call.ts';
import { checkConditions, conditionsOf } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { uriDecode } from '../percent.ts';
import { checkBucketName, checkKey } from '../request.ts';

/** The object that a copy reads, as it was when its conditions were checked. */
export interface CopySource {
  store: Store;
  bucket: string;
  key: string;
  info: ObjectInfo;
}

/** Reads x-amz-copy-source (`/bucket/key`, percent-encoded) and its conditions. @throws S3Error */
export async function copySource(call: Call): Promise<CopySource> {
  const [path = '', version] = call.header('x-amz-copy-source')!.split('?versionId=');
  const text = uriDecode(path).replace(/^\//, '');
  const slash = text.indexOf('/');
  if (slash < 1 || slash === text.length - 1 || (version !== undefined && version !== 'null')) {
    throw new S3Error(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      {
        ArgumentName: 'x-amz-copy-source',
      },
    );
  }
  const bucket = text.slice(0, slash);
  const key = text.slice(slash + 1);
  checkBucketName(bucket);
  checkKey(key);
  call.need('read', key, bucket);
  const store = bucket === call.bucket ? call.store : await call.storeOf(bucket);
  const info = await store.head(key);
  const conditions = conditionsOf((name) => call.header(name), 'x-amz-copy-source-');
  if (conditions) checkConditions(conditions, info, false);
  return { store, bucket, key, info };
}
