import type { Multipart, PartInfo } from '../../stores/store.ts';
import type { Call } from '../call.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { propertiesOfHeaders, quoted, unquoted } from '../properties.ts';
import { checkNewKey } from '../request.ts';
import { childText, document, element, malformed, parseXml } from '../xml.ts';
import { copyResult } from './copy-object.ts';
import { copySource } from './copy-source.ts';
import { tagsOfHeader } from './object-tags.ts';
import { SMALL, withChecksum } from './put-object.ts';

/** 10,000 parts with a checksum each. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_PARTS = 10_000;

/** @throws S3Error NotImplemented where the target cannot */
export function multipartOf(call: Call): Multipart {
  const { multipart } = call.store;
  if (multipart) return multipart;
  throw new S3Error('NotImplemented', 'The target of this key takes no multipart uploads.');
}

const purposeOf = (call: Call, key = call.key): string[] => ['upload', call.scheme, call.bucket, key];

/** The id as clients see it: the target's own, signed and bound to its key. */
export function sealUploadId(call: Call, id: string, key = call.key): string {
  return call.services.tokens.seal(purposeOf(call, key), id);
}

/** @throws S3Error NoSuchUpload */
export function openUploadId(call: Call): string {
  const id = call.services.tokens.open(purposeOf(call), call.request.query.get('uploadId') ?? '');
  if (id !== undefined) return id;
  throw noSuchUpload();
}

const noSuchUpload = (): S3Error =>
  new S3Error(
    'NoSuchUpload',
    'The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  );

const asUpload = (error: unknown): never => {
  throw toS3Error(error, 'NoSuchUpload');
};

/** CreateMultipartUpload. */
export async function createMultipartUpload(call: Call): Promise<void> {
  call.need('write');
  checkNewKey(call.key);
  const properties = { ...propertiesOfHeaders(call.request.headers), ...tagsOfHeader(call) };
  const id = await multipartOf(call).create(call.key, properties);
  const headers: string[] = [];
  const algorithm = call.header('x-amz-checksum-algorithm');
  if (algorithm !== undefined && /^[A-Z0-9]{1,20}$/.test(algorithm)) {
    headers.push('x-amz-checksum-algorithm', algorithm);
    // Each part's checksum is checked; none of the whole is kept.
    headers.push('x-amz-checksum-type', algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  }
  call.replyXml(
    document(
      'InitiateMultipartUploadResult',
      element('Bucket', call.bucket) + element('Key', call.key) + element('UploadId', sealUploadId(call, id)),
    ),
    headers,
  );
}

function partNumberOf(call: Call): number {
  const number = call.request.query.number('partNumber') ?? 0;
  if (number >= 1 && number <= MOST_PARTS) return number;
  throw new S3Error(
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`,
    {
      ArgumentName: 'partNumber',
      ArgumentValue: String(number),
    },
  );
}

/** UploadPart. */
export async function uploadPart(call: Call): Promise<void> {
  call.need('write');
  const id = openUploadId(call);
  const number = partNumberOf(call);
  const { body } = call;
  const content = body.size <= SMALL ? await body.bytes(SMALL) : body.stream();
  const part = await multipartOf(call)
    .uploadPart(call.key, id, number, content, { size: body.size })
    .catch((error: unknown) => asUpload(body.failure ?? error));
  call.reply(200, withChecksum(['etag', quoted(part.etag)], body));
}

/** UploadPartCopy: inside the provider where it can, else the bytes pass through here. */
export async function uploadPartCopy(call: Call): Promise<void> {
  call.need('write');
  const id = openUploadId(call);
  const number = partNumberOf(call);
  const source = await copySource(call);
  const range = copyRange(call, source.info.size);
  const size = range ? range.end - range.start + 1 : source.info.size;
  const ifMatch = source.info.etag;
  const multipart = multipartOf(call);
  const work = async (): Promise<PartInfo> => {
    const routed = call.store.kind === 'router' && source.store.kind === 'router';
    if (multipart.copyPart && (routed || call.store.canCopyFrom(source.store))) {
      return multipart.copyPart(call.key, id, number, source.store, source.key, {
        ...(range && { range }),
        ...(ifMatch !== undefined && { sourceIfMatch: ifMatch }),
      });
    }
    const open = async () => {
      const options = { ...(range && { range }), ...(ifMatch !== undefined && { ifMatch }) };
      return (await source.store.get(source.key, options)).body;
    };
    return multipart.uploadPart(call.key, id, number, open, { size });
  };
  await call.replyWhenDone(work().then((part) => document('CopyPartResult', copyResult(part)), asUpload));
}

function copyRange(call: Call, size: number): { start: number; end: number } | undefined {
  const text = call.header('x-amz-copy-source-range');
  if (text === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text);
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  if (match && start <= end && end < size) return { start, end };
  throw new S3Error('InvalidArgument', `Range specified is not valid for source object of size: ${size}`, {
    ArgumentName: 'x-amz-copy-source-range',
    ArgumentValue: text,
  });
}

/** CompleteMultipartUpload. */
export async function completeMultipartUpload(call: Call): Promise<void> {
  call.need('write');
  const id = openUploadId(call);
  const conditions = writeConditions((name) => call.header(name));
  const root = parseXml((await call.body.bytes(MOST_BYTES)).toString());
  if (root.name !== 'CompleteMultipartUpload') throw malformed();
  const parts = root.children
    .filter((child) => child.name === 'Part')
    .map((part) => {
      const partNumber = Number(childText(part, 'PartNumber')?.trim());
      const etag = childText(part, 'ETag');
      if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MOST_PARTS || !etag)
        throw malformed();
      return { partNumber, etag: unquoted(etag) };
    });
  if (parts.length === 0 || parts.length > MOST_PARTS) throw malformed();
  if (parts.some((part, at) => at > 0 && part.partNumber <= parts[at - 1]!.partNumber)) {
    throw new S3Error(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    );
  }
  const work = multipartOf(call).complete(call.key, id, parts, conditions);
  await call.replyWhenDone(
    work.then(
      (info) =>
        document(
          'CompleteMultipartUploadResult',
          element('Location', `/${call.bucket}/${call.key}`) +
            element('Bucket', call.bucket) +
            element('Key', call.key) +
            element('ETag', info.etag === undefined ? undefined : quoted(info.etag)),
        ),
      asUpload,
    ),
  );
}

/** AbortMultipartUpload. */
export async function abortMultipartUpload(call: Call): Promise<void> {
  call.need('write');
  await multipartOf(call).abort(call.key, openUploadId(call)).catch(asUpload);
  call.reply(204);
}
