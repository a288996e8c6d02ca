import { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';
import type { Body, ObjectInfo, PutOptions } from '../store.ts';
import { isAws } from './address.ts';
import type { S3Client, S3Request } from './client.ts';
import { header } from './errors.ts';
import type { Answer } from './exchange.ts';
import { addTag, isKeyed, quoted, writeHeaders } from './headers.ts';
import { md5Of, promiseMd5, sendBody } from './send-body.ts';
import { sizeWithTrailer, type Trailed, withTrailer } from './trailer.ts';

/** Writes an object in one request. */
export async function putWhole(
  client: S3Client,
  key: string,
  body: Body,
  options: PutOptions,
): Promise<ObjectInfo> {
  const headers = writeHeaders(client.settings, options, { store: client.name, key });
  for (const algorithm in options.checksums) {
    headers.push(`x-amz-checksum-${algorithm.toLowerCase()}`, options.checksums[algorithm]!);
  }
  if (options.ifNoneMatch !== undefined) headers.push('if-none-match', '*');
  if (options.ifMatch !== undefined) headers.push('if-match', quoted(options.ifMatch));
  const request: S3Request & { key: string } = {
    store: client.name,
    action: 'write',
    key,
    method: 'PUT',
    headers,
    signal: options.signal,
  };
  if (options.md5 !== undefined) promiseMd5(request, options.md5);
  const trailer = trailerFor(client, body, options);
  try {
    const { answer, size } = trailer
      ? await sendWithTrailer(client, request, trailer)
      : await sendBody(client, request, body, options.size);
    const info = sentInfo(client, key, size, answer);
    if (options.md5 !== undefined && info.md5 !== undefined) checkTag(client, info, options.md5);
    return info;
  } catch (error) {
    const conditional = options.ifNoneMatch !== undefined || options.ifMatch !== undefined;
    const again = request.attempt !== undefined && request.attempt > 1;
    if (conditional && again && isError(error, 'PRECONDITION_FAILED') && Buffer.isBuffer(request.body)) {
      return await ownWrite(client, key, request.body, error);
    }
    if (options.ifMatch !== undefined && error instanceof StoreError && error.providerCode === 'NoSuchKey') {
      throw new StoreError('PRECONDITION_FAILED', error.message, { ...error, cause: error });
    }
    throw error;
  }
}

/** What goes out with a trailer: a stream of known size, to an endpoint that takes them. */
function trailerFor(client: S3Client, body: Body, options: PutOptions): Trailed | undefined {
  const { trailingChecksum: checksum, size, md5 } = options;
  if (!checksum || size === undefined || !(body instanceof Readable) || md5 !== undefined) return undefined;
  const { settings } = client;
  return (settings.trailingChecksums ?? isAws(settings)) ? { body, size, checksum } : undefined;
}

async function sendWithTrailer(
  client: S3Client,
  request: S3Request & { key: string },
  trailed: Trailed,
): Promise<{ answer: Answer; size: number }> {
  const at = request.headers!.indexOf('content-encoding');
  if (at < 0) request.headers!.push('content-encoding', 'aws-chunked');
  else request.headers![at + 1] = `aws-chunked,${request.headers![at + 1]}`;
  request.headers!.push(
    ...['x-amz-decoded-content-length', String(trailed.size)],
    ...['x-amz-trailer', `x-amz-checksum-${trailed.checksum.name}`],
  );
  request.payload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const { answer } = await sendBody(client, request, withTrailer(trailed), sizeWithTrailer(trailed));
  return { answer, size: trailed.size };
}

/**
 * An attempt that got no answer may have written all the same; the next one then finds the condition broken
 * by itself.
 */
async function ownWrite(client: S3Client, key: string, bytes: Buffer, refused: Error): Promise<ObjectInfo> {
  const answer = await client.send({ store: client.name, action: 'check', key, method: 'HEAD' });
  const info = sentInfo(client, key, Number(header(answer.headers, 'content-length')), answer);
  if (info.size === bytes.length && info.md5 === md5Of(bytes)) return info;
  throw refused;
}

function checkTag(client: S3Client, info: ObjectInfo, md5: string): void {
  if (info.md5 === md5.toLowerCase()) return;
  throw new StoreError(
    'CORRUPT',
    `${client.name} says that ${info.key} has the MD5 ${info.md5}, but ${md5} was sent. (Where the ETags of a store are no MD5s, set etag_is_md5: false on its connection.)`,
    { store: client.name, key: info.key },
  );
}

/** What the answer to a write says of the object. */
export function sentInfo(client: S3Client, key: string, size: number, answer: Answer): ObjectInfo {
  const info: ObjectInfo = { key, size };
  addTag(info, header(answer.headers, 'etag'), client.settings.etagIsMd5 && !isKeyed(answer.headers));
  return info;
}
