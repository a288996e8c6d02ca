import type { Call } from '../call.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { document, element } from '../xml.ts';

/** ListBuckets: those of the listener's scheme in which the client has any right. */
export async function listBuckets(call: Call): Promise<void> {
  let entries = '';
  const prefix = call.request.query.get('prefix') ?? '';
  for (const { bucket: name } of await call.services.buckets.buckets(call.scheme)) {
    if (!name.startsWith(prefix) || !call.auth.client.sees(call.scheme, name)) continue;
    entries += `<Bucket>${element('Name', name)}<CreationDate>1970-01-01T00:00:00.000Z</CreationDate></Bucket>`;
  }
  call.replyXml(
    document(
      'ListAllMyBucketsResult',
      `<Owner><ID>sluice</ID><DisplayName>sluice</DisplayName></Owner><Buckets>${entries}</Buckets>`,
    ),
  );
}

/** HeadBucket: whether it is there. */
export async function headBucket(call: Call): Promise<void> {
  await checkBucket(call);
  call.reply(200, ['x-amz-bucket-region', call.services.region, 'content-type', 'application/xml']);
}

/** @throws S3Error NoSuchBucket */
export async function checkBucket(call: Call): Promise<void> {
  try {
    for await (const _ of call.store.list({ pageSize: 1 })) break;
  } catch (error) {
    throw toS3Error(error, 'NoSuchBucket');
  }
}

/** CreateBucket: buckets come from the configuration; programs that make sure of theirs learn that it is there. */
export async function createBucket(call: Call): Promise<void> {
  try {
    await checkBucket(call);
  } catch (error) {
    if (!(error instanceof S3Error) || error.code !== 'NoSuchBucket') throw error;
    throw new S3Error(
      'NotImplemented',
      "Buckets come from the gateway's configuration and cannot be made here.",
    );
  }
  throw new S3Error(
    'BucketAlreadyOwnedByYou',
    'Your previous request to create the named bucket succeeded and you already own it.',
    { BucketName: call.bucket },
  );
}

export async function deleteBucket(): Promise<void> {
  throw new S3Error(
    'NotImplemented',
    "Buckets come from the gateway's configuration and cannot be deleted here.",
  );
}

/** GetBucketLocation: us-east-1 is the empty name. */
export async function getBucketLocation(call: Call): Promise<void> {
  await checkBucket(call);
  const { region } = call.services;
  call.replyXml(document('LocationConstraint', region === 'us-east-1' ? '' : region));
}
