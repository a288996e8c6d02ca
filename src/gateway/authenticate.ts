import type { HmacKey } from '../stores/s3/hmac-key.ts';
import type { Client } from './clients.ts';
import { S3Error } from './errors.ts';
import { header, type S3Request } from './request.ts';
import {
  ALGORITHM,
  canonicalRequest,
  parseTimestamp,
  type Scope,
  type SigningKeys,
  sameSignature,
  scopeText,
  signRequest,
} from './signature.ts';

/** Who asks, and how the body is signed. */
export interface Authenticated {
  client: Client;
  /** x-amz-content-sha256 as sent: 64 hex digits, UNSIGNED-PAYLOAD or a STREAMING-… name. */
  payload: string;
  /** What the signatures of the body's chunks start from. */
  seed: ChunkSeed;
}

export interface ChunkSeed {
  key: HmacKey;
  timestamp: string;
  scope: string;
  signature: string;
}

/** How far the clocks of client and gateway may be apart, and how long a presigned address may be good for. */
const SKEW = 15 * 60_000;
const LONGEST_PRESIGN = 7 * 24 * 3600;
const UNSIGNED = 'UNSIGNED-PAYLOAD';

interface Claim {
  scope: Scope;
  signedHeaders: string[];
  signature: string;
  timestamp: string;
  payload: string;
}

/**
 * Checks the signature of a request, from its Authorization header or its query.
 * @throws S3Error AccessDenied (anonymous, expired), InvalidAccessKeyId, SignatureDoesNotMatch,
 *   RequestTimeTooSkewed, Authorization…Malformed and others that say what is wrong with the form
 */
export function authenticate(
  request: S3Request,
  clients: ReadonlyMap<string, Client>,
  keys: SigningKeys,
  now = Date.now(),
): Authenticated {
  const authorization = header(request, 'authorization');
  const byQuery = request.query.has('X-Amz-Algorithm') || request.query.has('X-Amz-Signature');
  if (authorization === undefined && !byQuery) {
    throw request.query.has('Signature')
      ? unsupportedVersion()
      : new S3Error('AccessDenied', 'Access Denied: the request is not signed.');
  }
  if (authorization !== undefined && byQuery) {
    throw new S3Error('InvalidArgument', 'Only one auth mechanism allowed.');
  }
  const claim =
    authorization === undefined ? claimOfQuery(request, now) : claimOfHeader(request, authorization, now);
  checkSignedHeaders(request, claim.signedHeaders);
  const client = clients.get(claim.scope.accessKey);
  if (!client) {
    throw new S3Error(
      'InvalidAccessKeyId',
      'The AWS access key ID you provided does not exist in our records.',
    );
  }
  const key = keys.get(claim.scope, client.secretKey);
  const scope = scopeText(claim.scope);
  const canonical = canonicalRequest(
    request.method,
    request.path,
    request.query,
    request.headers,
    claim.signedHeaders,
    claim.payload,
  );
  if (!sameSignature(signRequest(key, claim.timestamp, scope, canonical), claim.signature)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    );
  }
  return {
    client,
    payload: claim.payload,
    seed: { key, timestamp: claim.timestamp, scope, signature: claim.signature },
  };
}

function claimOfHeader(request: S3Request, authorization: string, now: number): Claim {
  const { fields, signature } = fieldsOf(authorization);
  const payload = header(request, 'x-amz-content-sha256');
  if (payload === undefined) {
    throw new S3Error(
      'MissingSecurityHeader',
      'Missing required header for this request: x-amz-content-sha256',
      {
        MissingHeaderName: 'x-amz-content-sha256',
      },
    );
  }
  const { text: timestamp, time } = requestTime(request);
  if (Math.abs(now - time) > SKEW) {
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      {
        RequestTime: timestamp,
        ServerTime: new Date(now).toISOString(),
        MaxAllowedSkewMilliseconds: String(SKEW),
      },
    );
  }
  return {
    scope: scopeOf(fields, timestamp),
    signedHeaders: fields.signedHeaders,
    signature,
    timestamp,
    payload,
  };
}

interface HeaderFields {
  credential: string;
  signedHeaders: string[];
  /** What the credential says, once that was found to be well-formed. */
  scope?: Scope;
}

function scopeOf(fields: HeaderFields, timestamp: string): Scope {
  const { scope } = fields;
  if (scope && timestamp.startsWith(scope.date)) return scope;
  fields.scope = parseScope(fields.credential, timestamp, malformed);
  return fields.scope;
}

/** What stands before the signature is the same in all requests of a kind, all day: it is read once. */
const readBefore = new Map<string, HeaderFields>();
const LAST_FIELD = 'Signature=';
const SIGNATURE = 64;

/** Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`; the fields may come in any order. */
function fieldsOf(authorization: string): { fields: HeaderFields; signature: string } {
  const before = authorization.slice(0, -SIGNATURE);
  const usual = before.endsWith(LAST_FIELD);
  const known = usual ? readBefore.get(before) : undefined;
  if (known) return { fields: known, signature: authorization.slice(-SIGNATURE) };
  if (!authorization.startsWith(`${ALGORITHM} `)) throw unsupportedVersion();
  const given = new Map<string, string>();
  for (const field of authorization.slice(ALGORITHM.length + 1).split(',')) {
    const at = field.indexOf('=');
    given.set(field.slice(0, at).trim(), field.slice(at + 1).trim());
  }
  const credential = given.get('Credential');
  const signed = given.get('SignedHeaders');
  const signature = given.get('Signature');
  if (!credential || !signed || !signature) {
    throw malformed('the authorization header needs Credential, SignedHeaders and Signature');
  }
  const fields: HeaderFields = { credential, signedHeaders: signed.split(';') };
  if (usual && signature.length === SIGNATURE && before.length < 1000) {
    // Anyone can send other ones, so only so many are kept.
    if (readBefore.size >= 256) readBefore.clear();
    readBefore.set(before, fields);
  }
  return { fields, signature };
}

/** x-amz-date, or the Date header in either of its forms. */
function requestTime(request: S3Request): { text: string; time: number } {
  const text = header(request, 'x-amz-date') ?? header(request, 'date');
  const compact = text === undefined ? undefined : parseTimestamp(text);
  if (compact !== undefined) return { text: text!, time: compact };
  const time = text === undefined ? Number.NaN : Date.parse(text);
  if (Number.isNaN(time)) {
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  return { text: new Date(time).toISOString().replace(/[-:]|\.\d+/g, ''), time };
}

function claimOfQuery(request: S3Request, now: number): Claim {
  const { query } = request;
  const need = (name: string): string => {
    const value = query.get(name);
    if (value) return value;
    throw badQuery(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  };
  if (need('X-Amz-Algorithm') !== ALGORITHM) throw badQuery(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  const timestamp = need('X-Amz-Date');
  const signature = need('X-Amz-Signature');
  const expires = need('X-Amz-Expires');
  const time = parseTimestamp(timestamp);
  if (time === undefined)
    throw badQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  if (!/^\d{1,10}$/.test(expires) || Number(expires) < 1)
    throw badQuery('X-Amz-Expires must be a positive number');
  if (Number(expires) > LONGEST_PRESIGN) {
    throw badQuery(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  const scope = parseScope(need('X-Amz-Credential'), timestamp, badQuery);
  if (time - now > SKEW) throw new S3Error('AccessDenied', 'Request is not valid yet');
  if (now > time + Number(expires) * 1000) {
    throw new S3Error('AccessDenied', 'Request has expired', {
      'X-Amz-Expires': expires,
      Expires: new Date(time + Number(expires) * 1000).toISOString(),
      ServerTime: new Date(now).toISOString(),
    });
  }
  return {
    scope,
    signedHeaders: need('X-Amz-SignedHeaders').split(';'),
    signature,
    timestamp,
    payload: header(request, 'x-amz-content-sha256') ?? query.get('X-Amz-Content-Sha256') ?? UNSIGNED,
  };
}

function parseScope(credential: string, timestamp: string, wrong: (what: string) => S3Error): Scope {
  const parts = credential.split('/');
  const [date, region, service, end] = parts.slice(-4);
  const accessKey = parts.slice(0, -4).join('/');
  if (parts.length < 5 || !accessKey || end !== 'aws4_request' || region === undefined) {
    throw wrong(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (service !== 's3') throw wrong(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (date !== timestamp.slice(0, 8))
    throw wrong(`invalid credential date "${date}". It is not the date of the request.`);
  if (region === '' || region.length > 64) throw wrong('the region is missing');
  return { accessKey, date, region };
}

/** The host and everything that S3 acts upon must be under the signature. */
function checkSignedHeaders(request: S3Request, signed: readonly string[]): void {
  const missing: string[] = [];
  if (!signed.includes('host')) missing.push('host');
  for (const name in request.headers) {
    if (name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !signed.includes(name))
      missing.push(name);
  }
  if (missing.length > 0) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: missing.join(', '),
    });
  }
}

const malformed = (what: string): S3Error =>
  new S3Error('AuthorizationHeaderMalformed', `The authorization header is malformed; ${what}`);

const badQuery = (what: string): S3Error =>
  new S3Error('AuthorizationQueryParametersError', what.charAt(0).toUpperCase() + what.slice(1));

const unsupportedVersion = (): S3Error =>
  new S3Error(
    'InvalidRequest',
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  );
