/** The calls that ask how a bucket or an object is set up: here everything is as in a bucket nobody touched. */
import type { Call } from '../call.ts';
import { S3Error, type S3ErrorCode, toS3Error } from '../errors.ts';
import { document, element, S3_NAMESPACE, XML_HEAD } from '../xml.ts';
import { checkBucket } from './buckets.ts';
import { checkVersion } from './get-object.ts';

/** What is answered: a document, or the error of a setting that was never made. */
type Answer = { xml: string } | { missing: S3ErrorCode; message: string };

const empty = (name: string, content = ''): Answer => ({ xml: document(name, content) });
const missing = (code: S3ErrorCode, message: string): Answer => ({ missing: code, message });

const ACL = `${XML_HEAD}<AccessControlPolicy xmlns="${S3_NAMESPACE}"><Owner><ID>sluice</ID><DisplayName>sluice</DisplayName></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>sluice</ID><DisplayName>sluice</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`;

export const BUCKET_ANSWERS: Readonly<Record<string, Answer>> = {
  accelerate: empty('AccelerateConfiguration'),
  acl: { xml: ACL },
  cors: missing('NoSuchCORSConfiguration', 'The CORS configuration does not exist'),
  encryption: missing(
    'ServerSideEncryptionConfigurationNotFoundError',
    'The server side encryption configuration was not found',
  ),
  lifecycle: missing('NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist'),
  logging: empty('BucketLoggingStatus'),
  notification: empty('NotificationConfiguration'),
  'object-lock': missing(
    'ObjectLockConfigurationNotFoundError',
    'Object Lock configuration does not exist for this bucket',
  ),
  ownershipControls: missing(
    'OwnershipControlsNotFoundError',
    'The bucket ownership controls were not found',
  ),
  policy: missing('NoSuchBucketPolicy', 'The bucket policy does not exist'),
  policyStatus: missing('NoSuchBucketPolicy', 'The bucket policy does not exist'),
  publicAccessBlock: missing(
    'NoSuchPublicAccessBlockConfiguration',
    'The public access block configuration was not found',
  ),
  replication: missing(
    'ReplicationConfigurationNotFoundError',
    'The replication configuration was not found',
  ),
  requestPayment: empty('RequestPaymentConfiguration', '<Payer>BucketOwner</Payer>'),
  tagging: missing('NoSuchTagSet', 'The TagSet does not exist'),
  versioning: empty('VersioningConfiguration'),
  website: missing(
    'NoSuchWebsiteConfiguration',
    'The specified bucket does not have a website configuration',
  ),
};

export const OBJECT_ANSWERS: Readonly<Record<string, Answer>> = {
  acl: { xml: ACL },
  'legal-hold': missing(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
  ),
  retention: missing(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
  ),
};

/** @param name of the sub-resource */
export async function bucketSetting(call: Call, name: string): Promise<void> {
  await checkBucket(call);
  answer(call, BUCKET_ANSWERS[name]!);
}

/** The object must be there. */
export async function objectSetting(call: Call, name: string): Promise<void> {
  call.need('read');
  checkVersion(call);
  await call.store.head(call.key);
  answer(call, OBJECT_ANSWERS[name]!);
}

function answer(call: Call, given: Answer): void {
  if ('missing' in given) throw new S3Error(given.missing, given.message);
  call.replyXml(given.xml);
}

/** GetObjectAttributes. */
export async function getObjectAttributes(call: Call): Promise<void> {
  call.need('read');
  checkVersion(call);
  const wanted = new Set(
    (call.header('x-amz-object-attributes') ?? '').split(',').map((name) => name.trim()),
  );
  const info = await call.store.head(call.key).catch((error: unknown) => {
    throw toS3Error(error);
  });
  let content = '';
  if (wanted.has('ETag')) content += element('ETag', info.etag);
  if (wanted.has('Checksum') && info.checksums) {
    const sums = Object.entries(info.checksums).map(([name, value]) =>
      element(`Checksum${name.toUpperCase()}`, value),
    );
    content += `<Checksum>${sums.join('')}</Checksum>`;
  }
  if (wanted.has('ObjectSize')) content += element('ObjectSize', info.size);
  if (wanted.has('StorageClass')) content += element('StorageClass', info.storageClass ?? 'STANDARD');
  const modified =
    info.modified === undefined ? [] : ['last-modified', new Date(info.modified).toUTCString()];
  call.replyXml(document('GetObjectAttributesResponse', content), modified);
}
