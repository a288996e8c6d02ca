import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, SluiceError } from '../../base/errors.ts';
import { StoreError, type StoreErrorDetails } from '../errors.ts';
import { networkFailure, parseRetryAfter } from '../retry.ts';
import { ownFailure } from '../wire/failure.ts';
import { xmlFields } from './xml.ts';

/** An error that an endpoint answered, with what it says on how to ask better. */
export class S3Error extends StoreError {
  /** The region that the bucket is in. */
  readonly region: string | undefined;
  /** The endpoint's clock, in milliseconds since 1970. */
  readonly serverTime: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: StoreErrorDetails & { region?: string | undefined; serverTime?: number | undefined },
  ) {
    super(code, message, details);
    this.region = details.region;
    this.serverTime = details.serverTime;
  }
}

/** What was asked, for errors. */
export interface Asked {
  /** The Store's name. */
  store: string;
  /** Such as "read", "list". */
  action: string;
  key?: string | undefined;
}

/** S3's error codes ("Error responses" of the S3 API reference, and those of MinIO and Ceph) as ours. */
const CODES: Record<string, ErrorCode> = {
  NoSuchKey: 'NOT_FOUND',
  NoSuchBucket: 'NOT_FOUND',
  NoSuchUpload: 'NOT_FOUND',
  NoSuchVersion: 'NOT_FOUND',
  NotFound: 'NOT_FOUND',
  AccessDenied: 'ACCESS_DENIED',
  AllAccessDisabled: 'ACCESS_DENIED',
  AccountProblem: 'ACCESS_DENIED',
  InvalidObjectState: 'ACCESS_DENIED',
  InvalidAccessKeyId: 'UNAUTHENTICATED',
  SignatureDoesNotMatch: 'UNAUTHENTICATED',
  InvalidToken: 'UNAUTHENTICATED',
  ExpiredToken: 'UNAUTHENTICATED',
  TokenRefreshRequired: 'UNAUTHENTICATED',
  InvalidClientTokenId: 'UNAUTHENTICATED',
  RequestTimeTooSkewed: 'UNAUTHENTICATED',
  RequestExpired: 'UNAUTHENTICATED',
  AuthorizationHeaderMalformed: 'BAD_CONFIG',
  PermanentRedirect: 'BAD_CONFIG',
  TemporaryRedirect: 'UNAVAILABLE',
  PreconditionFailed: 'PRECONDITION_FAILED',
  NotModified: 'NOT_MODIFIED',
  InvalidRange: 'RANGE_NOT_SATISFIABLE',
  EntityTooLarge: 'TOO_LARGE',
  KeyTooLongError: 'BAD_KEY',
  XMinioInvalidObjectName: 'BAD_KEY',
  XMinioInvalidResourceName: 'BAD_KEY',
  QuotaExceeded: 'NO_SPACE',
  XMinioStorageFull: 'NO_SPACE',
  XMinioAdminBucketQuotaExceeded: 'NO_SPACE',
  InsufficientStorage: 'NO_SPACE',
  SlowDown: 'THROTTLED',
  SlowDownRead: 'THROTTLED',
  SlowDownWrite: 'THROTTLED',
  Throttling: 'THROTTLED',
  ThrottlingException: 'THROTTLED',
  TooManyRequests: 'THROTTLED',
  RequestLimitExceeded: 'THROTTLED',
  BandwidthLimitExceeded: 'THROTTLED',
  ServiceUnavailable: 'UNAVAILABLE',
  InternalError: 'UNAVAILABLE',
  OperationAborted: 'UNAVAILABLE',
  ConditionalRequestConflict: 'UNAVAILABLE',
  XMinioServerNotInitialized: 'UNAVAILABLE',
  XMinioReadQuorum: 'UNAVAILABLE',
  XMinioWriteQuorum: 'UNAVAILABLE',
  RequestTimeout: 'TIMEOUT',
  BadDigest: 'CORRUPT',
  InvalidDigest: 'CORRUPT',
  XAmzContentSHA256Mismatch: 'CORRUPT',
  XAmzContentChecksumMismatch: 'CORRUPT',
  IncompleteBody: 'CORRUPT',
  NotImplemented: 'UNSUPPORTED',
  MethodNotAllowed: 'UNSUPPORTED',
  EntityTooSmall: 'BAD_SPEC',
  InvalidPart: 'BAD_SPEC',
  InvalidPartOrder: 'BAD_SPEC',
  InvalidArgument: 'BAD_SPEC',
  InvalidRequest: 'BAD_SPEC',
  MalformedXML: 'BAD_SPEC',
  MetadataTooLarge: 'BAD_SPEC',
  InvalidStorageClass: 'BAD_SPEC',
};

const STATUSES: Record<number, ErrorCode> = {
  301: 'BAD_CONFIG',
  304: 'NOT_MODIFIED',
  307: 'UNAVAILABLE',
  401: 'UNAUTHENTICATED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  405: 'UNSUPPORTED',
  408: 'TIMEOUT',
  409: 'CONFLICT',
  411: 'PROTOCOL',
  412: 'PRECONDITION_FAILED',
  413: 'TOO_LARGE',
  416: 'RANGE_NOT_SATISFIABLE',
  429: 'THROTTLED',
  501: 'UNSUPPORTED',
  507: 'NO_SPACE',
};

/** What a person can do about it. */
const ADVICE: Partial<Record<string, string>> = {
  NoSuchBucket: 'There is no such bucket here: check the name and the endpoint.',
  NoSuchKey: 'There is no such object.',
  InvalidObjectState: 'The object is archived: restore it first.',
  InvalidAccessKeyId: 'The endpoint does not know this access key: check the connection.',
  SignatureDoesNotMatch: 'Check the secret access key, and the region.',
  ExpiredToken: 'The credentials have expired: fetch new ones.',
  RequestTimeTooSkewed: "Set this machine's clock.",
  AuthorizationHeaderMalformed: 'Check the region of the connection.',
  PermanentRedirect: 'The bucket has another endpoint or region: check the connection.',
  ACCESS_DENIED: 'The credentials in use may not do this.',
  NO_SPACE: 'The store is full.',
};

/**
 * The error in an answer with a status of 300 or more, or in an answer of 200 whose body is an error.
 * @param body the document, '' where there is none (HEAD)
 */
export function answeredError(
  asked: Asked,
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
): S3Error {
  let fields: Record<string, string> = {};
  try {
    if (body.startsWith('<')) fields = xmlFields(body);
  } catch {
    // A page of some proxy in between, say. The status tells enough.
  }
  const providerCode = fields.Code ?? (header(headers, 'x-minio-error-code') || undefined);
  const code = CODES[providerCode ?? ''] ?? statusCode(status);
  const said = [providerCode, fields.Message].filter(Boolean).join(': ') || `HTTP ${status}`;
  const advice = (providerCode && ADVICE[providerCode]) ?? ADVICE[code] ?? '';
  return new S3Error(code, sentence(asked, said, advice), {
    store: asked.store,
    key: asked.key,
    status,
    providerCode,
    region: header(headers, 'x-amz-bucket-region') ?? fields.Region,
    serverTime: Date.parse(header(headers, 'date') ?? '') || undefined,
    requestId: header(headers, 'x-amz-request-id') ?? fields.RequestId,
    retryAfter: parseRetryAfter(header(headers, 'retry-after')),
  });
}

/** An error in place of an answer: the link broke, time ran out, the source of the body failed. */
export function unansweredError(asked: Asked, error: Error): Error {
  if (error instanceof SluiceError) return error;
  const code = (error as { code?: string }).code;
  const own = ownFailure(error);
  if (own) {
    return new StoreError(own.code, sentence(asked, own.why, ''), {
      store: asked.store,
      key: asked.key,
      cause: error,
    });
  }
  const failure = networkFailure(error);
  if (failure === undefined && !certificateProblem(code)) return error;
  const why = failure === 'TIMEOUT' ? 'nothing came for too long' : error.message || (code ?? 'it broke');
  return new StoreError(failure ?? 'CONNECTION', sentence(asked, `no answer (${why})`, ''), {
    store: asked.store,
    key: asked.key,
    cause: error,
    // A host that is not there or not trusted will not be in a second either.
    ...(failure === undefined && { retryable: false }),
  });
}

/** An answer that makes no sense. */
export function brokenAnswer(asked: Asked, why: string, headers?: IncomingHttpHeaders): StoreError {
  return new StoreError('PROTOCOL', sentence(asked, why, 'Is this an S3 endpoint?'), {
    store: asked.store,
    key: asked.key,
    requestId: headers && header(headers, 'x-amz-request-id'),
    retryable: true,
  });
}

function statusCode(status: number): ErrorCode {
  return STATUSES[status] ?? (status >= 500 ? 'UNAVAILABLE' : status >= 400 ? 'BAD_SPEC' : 'PROTOCOL');
}

function certificateProblem(code: string | undefined): boolean {
  return code !== undefined && /^(ENOTFOUND|CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
}

function sentence(asked: Asked, said: string, advice: string): string {
  const what = asked.key === undefined ? asked.store : `${asked.store}/${asked.key}`;
  const stop = /[.!?]$/.test(said) ? '' : '.';
  return `Could not ${asked.action} ${what}: ${said}${stop}${advice && ` ${advice}`}`;
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
