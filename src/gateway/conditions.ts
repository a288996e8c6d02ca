/** Conditional requests (RFC 9110, section 13), as S3 evaluates them. */
import type { ObjectInfo } from '../stores/store.ts';
import { S3Error } from './errors.ts';
import { httpDate, quoted, unquoted } from './properties.ts';

export interface Conditions {
  /** Etags without quotes, or '*'. */
  match?: readonly string[] | undefined;
  noneMatch?: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  modifiedSince?: number | undefined;
  unmodifiedSince?: number | undefined;
}

/** @param prefix '' or 'x-amz-copy-source-' @returns undefined when there are none */
export function conditionsOf(
  header: (name: string) => string | undefined,
  prefix = '',
): Conditions | undefined {
  const match = header(`${prefix}if-match`);
  const noneMatch = header(`${prefix}if-none-match`);
  const modified = header(`${prefix}if-modified-since`);
  const unmodified = header(`${prefix}if-unmodified-since`);
  if ((match ?? noneMatch ?? modified ?? unmodified) === undefined) return undefined;
  return {
    match: etags(match),
    noneMatch: etags(noneMatch),
    modifiedSince: time(modified),
    unmodifiedSince: time(unmodified),
  };
}

const etags = (text: string | undefined): string[] | undefined => text?.split(',').map(unquoted);

/** A date that cannot be read is no condition. */
function time(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(value) ? undefined : value;
}

/**
 * @param reading whether a failed None-Match or Modified-Since is an answer of 304; else it is an error
 * @throws S3Error PreconditionFailed, NotModified
 */
export function checkConditions(conditions: Conditions, info: ObjectInfo, reading: boolean): void {
  const { match, noneMatch, modifiedSince, unmodifiedSince } = conditions;
  const holds = (tags: readonly string[]) =>
    tags.includes('*') || (info.etag !== undefined && tags.includes(info.etag));
  // Times in headers have whole seconds.
  const modified = Math.floor((info.modified ?? 0) / 1000) * 1000;
  if (match) {
    if (!holds(match)) throw failed('If-Match');
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) throw failed('If-Unmodified-Since');
  const unchanged = noneMatch ? holds(noneMatch) : modifiedSince !== undefined && modified <= modifiedSince;
  if (!unchanged) return;
  if (!reading) throw failed(noneMatch ? 'If-None-Match' : 'If-Modified-Since');
  throw notModified(info);
}

export function notModified(info: ObjectInfo): S3Error {
  const headers: string[] = [];
  if (info.etag !== undefined) headers.push('etag', quoted(info.etag));
  if (info.modified !== undefined) headers.push('last-modified', httpDate(info.modified));
  return new S3Error('NotModified', 'Not modified.', {}, headers);
}

const failed = (condition: string): S3Error =>
  new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  });

/** The conditions of a write: S3 knows `If-None-Match: *` and `If-Match` with one etag. */
export function writeConditions(header: (name: string) => string | undefined): {
  ifNoneMatch?: '*';
  ifMatch?: string;
} {
  const noneMatch = header('if-none-match');
  const match = header('if-match');
  if (noneMatch !== undefined && noneMatch.trim() !== '*') {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
      {
        Header: 'If-None-Match',
      },
    );
  }
  if (noneMatch !== undefined && match !== undefined) {
    throw new S3Error('InvalidRequest', 'If-Match and If-None-Match cannot be sent together.');
  }
  return {
    ...(noneMatch !== undefined && { ifNoneMatch: '*' as const }),
    ...(match !== undefined && { ifMatch: unquoted(match) }),
  };
}
