import { type Call, denied } from '../call.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { quoted } from '../properties.ts';
import { document, element, isoTime } from '../xml.ts';
import { askedFor } from './list-objects.ts';
import { multipartOf, openUploadId, sealUploadId } from './multipart-upload.ts';

const OWNERS = ['Initiator', 'Owner']
  .map((name) => `<${name}><ID>sluice</ID><DisplayName>sluice</DisplayName></${name}>`)
  .join('');

/** ListParts. */
export async function listParts(call: Call): Promise<void> {
  call.need('write');
  const id = openUploadId(call);
  const { query } = call.request;
  const after = query.number('part-number-marker') ?? 0;
  const limit = Math.max(1, Math.min(query.number('max-parts') ?? 1000, 1000));
  const found = await multipartOf(call)
    .listParts(call.key, id, { after, limit })
    .catch((error: unknown) => {
      throw toS3Error(error, 'NoSuchUpload');
    });
  let content =
    element('Bucket', call.bucket) +
    element('Key', call.key) +
    element('UploadId', query.get('uploadId')) +
    OWNERS +
    element('StorageClass', 'STANDARD') +
    element('PartNumberMarker', after);
  if (found.more) content += element('NextPartNumberMarker', found.parts.at(-1)?.partNumber ?? after);
  content += element('MaxParts', limit) + element('IsTruncated', found.more);
  for (const part of found.parts) {
    content += `<Part>${element('PartNumber', part.partNumber)}${element('LastModified', isoTime(part.modified))}${element('ETag', quoted(part.etag))}${element('Size', part.size)}</Part>`;
  }
  call.replyXml(document('ListPartsResult', content));
}

/** ListMultipartUploads: for clients that may read all of what is listed. */
export async function listMultipartUploads(call: Call): Promise<void> {
  const { query } = call.request;
  const asked = askedFor(call, 'max-uploads');
  const { prefix, delimiter, encode } = asked;
  if (!call.auth.client.may('write', call.scheme, call.bucket, prefix)) throw denied();
  const limit = Math.max(1, asked.maxKeys);
  const afterKey = query.get('key-marker') ?? '';
  const marker = query.get('upload-id-marker') ?? '';
  const afterUploadId =
    marker === ''
      ? undefined
      : call.services.tokens.open(['upload', call.scheme, call.bucket, afterKey], marker);
  if (marker !== '' && afterUploadId === undefined) {
    throw new S3Error('InvalidArgument', 'Invalid uploadId marker', { ArgumentName: 'upload-id-marker' });
  }
  const found = await multipartOf(call)
    .listUploads({
      prefix,
      limit,
      ...(afterKey !== '' && { afterKey }),
      ...(afterUploadId !== undefined && { afterUploadId }),
    })
    .catch((error: unknown) => {
      throw toS3Error(error, 'NoSuchBucket');
    });
  const shared = new Set<string>();
  let entries = '';
  for (const upload of found.uploads) {
    const at = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length);
    if (at >= 0) {
      shared.add(upload.key.slice(0, at + delimiter.length));
      continue;
    }
    entries += `<Upload><Key>${encode(upload.key)}</Key>${element('UploadId', sealUploadId(call, upload.uploadId, upload.key))}${OWNERS}${element('StorageClass', 'STANDARD')}${element('Initiated', isoTime(upload.initiated))}</Upload>`;
  }
  for (const each of shared) entries += `<CommonPrefixes><Prefix>${encode(each)}</Prefix></CommonPrefixes>`;
  const last = found.uploads.at(-1);
  let head =
    element('Bucket', call.bucket) +
    `<KeyMarker>${encode(afterKey)}</KeyMarker>` +
    element('UploadIdMarker', marker);
  if (found.more && last) {
    head += `<NextKeyMarker>${encode(last.key)}</NextKeyMarker>`;
    head += element('NextUploadIdMarker', sealUploadId(call, last.uploadId, last.key));
  }
  head += `<Prefix>${encode(prefix)}</Prefix>`;
  if (delimiter !== '') head += `<Delimiter>${encode(delimiter)}</Delimiter>`;
  if (asked.url) head += '<EncodingType>url</EncodingType>';
  head += element('MaxUploads', limit) + element('IsTruncated', found.more && last !== undefined);
  call.replyXml(document('ListMultipartUploadsResult', head + entries));
}
