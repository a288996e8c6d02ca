import type { Writable } from 'node:stream';
import { relay, wholeOf } from '../../stores/relay.ts';
import type { ByteRange, GetOptions, ObjectInfo } from '../../stores/store.ts';
import type { Call } from '../call.ts';
import { type Conditions, checkConditions, conditionsOf, notModified } from '../conditions.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { headerBytes, headersOfInfo } from '../properties.ts';

/** GetObject, with a range, conditions and response-… overrides. */
export async function getObject(call: Call): Promise<void> {
  call.need('read');
  checkVersion(call);
  const range = rangeOf(call);
  const conditions = conditionsOf((name) => call.header(name));
  const options: GetOptions = {};
  if (range) options.range = range;
  // A checksum of the whole is none of a range, and clients would compare.
  const checksums = !range && call.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  if (checksums) options.checksums = true;
  if (conditions) {
    const only = onlyEtag(conditions.match);
    const not = onlyEtag(conditions.noneMatch);
    if (only !== undefined) options.ifMatch = only;
    if (not !== undefined) options.ifNoneMatch = not;
  }
  const content = await call.store.get(call.key, options).catch((error: unknown) => {
    throw readFailure(error, options);
  });
  const { info, body } = content;
  let answer: Writable;
  try {
    if (conditions) checkConditions(conditions, info, true);
    const headers = showing(call, info, checksums);
    let length = info.size;
    if (content.range) {
      const { start, end } = content.range;
      length = end - start + 1;
      headers.push('content-range', `bytes ${start}-${end}/${info.size}`);
    }
    headers.push('x-amz-request-id', call.id);
    const status = content.range ? 206 : 200;
    const whole = wholeOf(body);
    if (whole) {
      headers.push('content-length', String(whole.length));
      call.answer.send(status, headers, whole);
      return;
    }
    answer = call.answer.open(status, headers, length);
  } catch (error) {
    body.destroy();
    throw error;
  }
  await relay(body, answer);
}

/** HeadObject. */
export async function headObject(call: Call): Promise<void> {
  call.need('read');
  checkVersion(call);
  const range = rangeOf(call);
  const conditions = conditionsOf((name) => call.header(name));
  const info = await call.store.head(call.key);
  if (conditions) checkConditions(conditions, info, true);
  const checksums = !range && call.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  const headers = showing(call, info, checksums);
  const part = range && resolved(range, info.size);
  if (part) headers.push('content-range', `bytes ${part.start}-${part.end}/${info.size}`);
  headers.push('content-length', String(part ? part.end - part.start + 1 : info.size));
  headers.push('x-amz-request-id', call.id);
  call.answer.send(part ? 206 : 200, headers);
}

const OVERRIDES = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
];

function showing(call: Call, info: ObjectInfo, checksums: boolean): string[] {
  const headers = headersOfInfo(info, checksums);
  const { query } = call.request;
  if (query.pairs.length === 0) return headers;
  for (const name of OVERRIDES) {
    const value = query.get(`response-${name}`);
    if (value === undefined) continue;
    const at = headers.indexOf(name);
    if (at >= 0) headers.splice(at, 2);
    headers.push(name, headerBytes(value));
  }
  return headers;
}

/** What the Range header or partNumber asks for. A range that cannot be read is none, as HTTP says. */
function rangeOf(call: Call): ByteRange | undefined {
  const text = call.header('range');
  const part = call.request.query.number('partNumber');
  if (part !== undefined) {
    if (text !== undefined)
      throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
    // Where an object's parts begin is not known here: it is one part.
    if (part !== 1) throw new S3Error('InvalidPartNumber', 'The requested partnumber is not satisfiable');
    return undefined;
  }
  const match = text === undefined ? null : /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text.trim());
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') return { last: Number(match[2]) };
  const start = Number(match[1]);
  if (match[2] === '') return { start };
  return Number(match[2]) < start ? undefined : { start, end: Number(match[2]) };
}

function resolved(range: ByteRange, size: number): { start: number; end: number } {
  const start = 'last' in range ? Math.max(0, size - range.last) : range.start;
  const end = 'last' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start < size && end >= start) return { start, end };
  throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
    ActualObjectSize: String(size),
  });
}

/** Only one version of an object can be seen. */
export function checkVersion(call: Call): void {
  const version = call.request.query.get('versionId');
  if (version === undefined || version === '' || version === 'null') return;
  throw new S3Error('InvalidArgument', 'Invalid version id specified', {
    ArgumentName: 'versionId',
    ArgumentValue: version,
  });
}

function onlyEtag(tags: Conditions['match']): string | undefined {
  return tags?.length === 1 && tags[0] !== '*' ? tags[0] : undefined;
}

/** A 304 shows the etag that was asked about. */
function readFailure(error: unknown, options: GetOptions): S3Error {
  const mapped = toS3Error(error);
  if (mapped.code !== 'NotModified' || options.ifNoneMatch === undefined) return mapped;
  return notModified({ key: '', size: 0, etag: options.ifNoneMatch });
}
