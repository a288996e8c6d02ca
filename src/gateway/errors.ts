import { isError, type SluiceError } from '../base/errors.ts';
import { StoreError } from '../stores/errors.ts';

/** S3's error codes that the gateway answers with, and their HTTP status. */
const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BadRequest: 400,
  BucketAlreadyOwnedByYou: 409,
  ConditionalRequestConflict: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpectationFailed: 417,
  IncompleteBody: 400,
  InsufficientStorage: 507,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidObjectState: 403,
  InvalidPart: 400,
  InvalidPartNumber: 416,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidTag: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  MaxMessageLengthExceeded: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  MissingSecurityHeader: 400,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchCORSConfiguration: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchObjectLockConfiguration: 404,
  NoSuchPublicAccessBlockConfiguration: 404,
  NoSuchTagSet: 404,
  NoSuchUpload: 404,
  NoSuchWebsiteConfiguration: 404,
  NotImplemented: 501,
  NotModified: 304,
  ObjectLockConfigurationNotFoundError: 404,
  OperationAborted: 409,
  OwnershipControlsNotFoundError: 404,
  PreconditionFailed: 412,
  ReplicationConfigurationNotFoundError: 404,
  RequestHeaderSectionTooLarge: 400,
  RequestTimeTooSkewed: 403,
  RequestTimeout: 400,
  ServerSideEncryptionConfigurationNotFoundError: 404,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  XAmzContentChecksumMismatch: 400,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type S3ErrorCode = keyof typeof STATUS;

/** An answer that is an error, as S3 words it. `details` become further elements of its XML. */
export class S3Error extends Error {
  readonly code: S3ErrorCode;
  readonly status: number;
  readonly details: Record<string, string>;
  readonly headers: readonly string[];

  constructor(
    code: S3ErrorCode,
    message: string,
    details: Record<string, string> = {},
    /** name, value, name, value … */
    headers: readonly string[] = [],
  ) {
    super(message);
    this.name = 'S3Error';
    this.code = code;
    this.status = STATUS[code];
    this.details = details;
    this.headers = headers;
  }
}

/** What a Store's NOT_FOUND means depends on what was asked for. */
export type Missing = 'NoSuchKey' | 'NoSuchBucket' | 'NoSuchUpload';

const MISSING: Record<Missing, string> = {
  NoSuchKey: 'The specified key does not exist.',
  NoSuchBucket: 'The specified bucket does not exist.',
  NoSuchUpload:
    'The specified upload does not exist. The upload ID may be invalid, or it was completed or aborted.',
};

/** Translates anything thrown into an S3 answer. What is not expected becomes an InternalError that says nothing. */
export function toS3Error(error: unknown, missing: Missing = 'NoSuchKey'): S3Error {
  if (error instanceof S3Error) return error;
  if (!isError(error))
    return new S3Error('InternalError', 'We encountered an internal error. Please try again.');
  const at: Record<string, string> =
    error instanceof StoreError && error.requestId ? { TargetRequestId: error.requestId } : {};
  return storeError(error, missing, at);
}

function storeError(error: SluiceError, missing: Missing, at: Record<string, string>): S3Error {
  switch (error.code) {
    case 'NOT_FOUND':
      return new S3Error(missing, MISSING[missing], at);
    case 'PRECONDITION_FAILED':
      return new S3Error(
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold.',
        at,
      );
    case 'NOT_MODIFIED':
      return new S3Error('NotModified', 'Not modified.');
    case 'RANGE_NOT_SATISFIABLE':
      return new S3Error('InvalidRange', 'The requested range is not satisfiable.', at);
    case 'ACCESS_DENIED':
      return new S3Error('AccessDenied', 'The target store refused this request.', at);
    case 'UNAUTHENTICATED':
      return new S3Error('AccessDenied', "The target store did not accept the gateway's credentials.", at);
    case 'BAD_KEY':
      return new S3Error('InvalidArgument', error.message, { ...at, ArgumentName: 'key' });
    case 'BAD_SPEC':
      return new S3Error(missing === 'NoSuchUpload' ? 'InvalidPart' : 'InvalidArgument', error.message, at);
    case 'UNSUPPORTED':
    case 'BAD_CONFIG':
    case 'BAD_URI':
      return new S3Error('NotImplemented', error.message, at);
    case 'TOO_LARGE':
      return new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.', at);
    case 'NO_SPACE':
      return new S3Error('InsufficientStorage', 'The target store has no space left.', at);
    case 'CONFLICT':
    case 'ALREADY_EXISTS':
    case 'LEASED':
      return new S3Error('OperationAborted', 'A conflicting operation is in progress. Please try again.', at);
    case 'CORRUPT':
      return new S3Error('BadDigest', 'The content that came is not the content that was promised.', at);
    case 'THROTTLED':
      return new S3Error('SlowDown', 'Please reduce your request rate.', at);
    case 'UNAVAILABLE':
    case 'CONNECTION':
    case 'TIMEOUT':
    case 'CANCELED':
      return new S3Error('ServiceUnavailable', 'The target store cannot be reached. Please try again.', at);
    default:
      return new S3Error('InternalError', 'We encountered an internal error. Please try again.', at);
  }
}

export const incompleteBody = (): S3Error =>
  new S3Error(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  );
