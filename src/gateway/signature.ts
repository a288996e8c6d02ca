/**
 * AWS Signature Version 4, the side that checks: canonical request, string to sign, derived keys (AWS General
 * Reference, "Signature Version 4 signing process"; Amazon S3 API Reference, "Authenticating Requests").
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type HmacKey, signingKey } from '../stores/s3/hmac-key.ts';
import { asSigned } from '../stores/s3/signer.ts';
import { uriDecode, uriEncode, uriEncodePath } from './percent.ts';
import { header, type Query } from './request.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** What a signature is made for: `date/region/s3/aws4_request`. */
export interface Scope {
  accessKey: string;
  /** yyyymmdd */
  date: string;
  region: string;
}

export const scopeText = (scope: Scope): string => `${scope.date}/${scope.region}/s3/aws4_request`;

/** Derives signing keys and keeps them: they change once a day for each client and region. */
export class SigningKeys {
  readonly #kept = new Map<string, HmacKey>();

  get(scope: Scope, secretKey: string): HmacKey {
    const id = `${scope.accessKey}/${scope.date}/${scope.region}`;
    let key = this.#kept.get(id);
    if (!key) {
      key = signingKey(secretKey, scope.date, scope.region, 's3');
      // A client can make up regions; the oldest keys go.
      if (this.#kept.size >= 256) this.#kept.delete(this.#kept.keys().next().value!);
      this.#kept.set(id, key);
    }
    return key;
  }
}

/** @param payload the value of x-amz-content-sha256, or UNSIGNED-PAYLOAD */
export function canonicalRequest(
  method: string,
  path: string,
  query: Query,
  headers: IncomingHttpHeaders,
  signedHeaders: readonly string[],
  payload: string,
): string {
  let lines = '';
  for (const name of signedHeaders) {
    lines += `${name}:${asSigned(header({ headers }, name) ?? '')}\n`;
  }
  return `${method}\n${canonicalPath(path)}\n${canonicalQuery(query)}\n${lines}\n${signedHeaders.join(';')}\n${payload}`;
}

function canonicalPath(path: string): string {
  return /^[A-Za-z0-9\-._~/]*$/.test(path) ? path : uriEncodePath(uriDecode(path));
}

function canonicalQuery(query: Query): string {
  if (query.pairs.length === 0) return '';
  const encoded: [string, string][] = [];
  for (const [name, value] of query.pairs) {
    if (name !== 'X-Amz-Signature') encoded.push([uriEncode(name), uriEncode(value)]);
  }
  encoded.sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]));
  return encoded.map(([name, value]) => `${name}=${value}`).join('&');
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** @returns hex */
export function signRequest(key: HmacKey, timestamp: string, scope: string, canonical: string): string {
  // Header values are bytes, one character each.
  const bytes = /[\x80-\xff]/.test(canonical) ? Buffer.from(canonical, 'latin1') : canonical;
  const digest = hash('sha256', bytes, 'hex');
  return key.digest(`${ALGORITHM}\n${timestamp}\n${scope}\n${digest}`);
}

const SIGNATURE = 64;
const ours = Buffer.alloc(SIGNATURE);
const theirs = Buffer.alloc(SIGNATURE);

/** Compares two hex signatures in a time that does not tell how much of them is right. */
export function sameSignature(expected: string, given: string): boolean {
  if (expected.length !== SIGNATURE || given.length !== SIGNATURE) return false;
  ours.write(expected, 'latin1');
  theirs.write(given, 'latin1');
  return timingSafeEqual(ours, theirs);
}

let lastText = '';
let lastTime: number | undefined;

/** `20130524T000000Z` as milliseconds since 1970; undefined for other text. */
export function parseTimestamp(text: string): number | undefined {
  // All requests of a second say the same.
  if (text === lastText) return lastTime;
  lastTime = readTimestamp(text);
  lastText = text;
  return lastTime;
}

function readTimestamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) return undefined;
  const time = Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`);
  return Number.isNaN(time) ? undefined : time;
}
