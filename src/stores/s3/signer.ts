/**
 * Signature Version 4 for S3 ("Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API
 * reference): by headers and by query. Written here because every object costs at least one signature; the
 * signing key is kept for as long as day, region and secret stay the same, and the time for its second.
 *
 * Object bytes go as UNSIGNED-PAYLOAD: hashing them first would need them all in memory before the first is
 * sent and twice the passes over them. Bytes are guarded by TLS and, where they are known, by Content-MD5,
 * which is signed. Small bodies that are commands (which keys to delete, which parts make an object) are
 * hashed and signed.
 */
import { hash } from 'node:crypto';
import { trimmed } from '../wire/fields.ts';
import type { S3Credentials } from './credentials.ts';
import { HmacKey, signingKey } from './hmac-key.ts';

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
/** The SHA-256 of no bytes: the payload of every request without a body. */
export const EMPTY_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface Signable {
  method: string;
  /** As sent: each part encoded once. */
  path: string;
  /** As sent: names and values encoded, ordered by name; '' for none. */
  query: string;
  host: string;
  /** Flat: name, value, name, value …; names in lower case. Only those that must be are signed. */
  headers: readonly string[];
  /** Hex SHA-256 of the body, or UNSIGNED_PAYLOAD. */
  payload: string;
}

const HMAC = 'AWS4-HMAC-SHA256';

export class Signer {
  readonly #service: string;
  #second = -1;
  #time = '';
  #keyOf = '';
  #key = new HmacKey('');

  constructor(service = 's3') {
    this.#service = service;
  }

  /**
   * The headers that make a request authentic, to be sent with its own.
   * @param now milliseconds since 1970
   * @returns flat: name, value, …
   */
  sign(request: Signable, credentials: S3Credentials, region: string, now: number): string[] {
    const time = this.#timeAt(now);
    const date = time.slice(0, 8);
    const token = credentials.sessionToken;
    const { headers, payload } = request;
    const lines = ['host', request.host, 'x-amz-content-sha256', payload, 'x-amz-date', time];
    if (token !== undefined) lines.push('x-amz-security-token', token);
    for (let i = 0; i < headers.length; i += 2) {
      if (isSigned(headers[i]!)) insert(lines, headers[i]!, asSigned(headers[i + 1]!));
    }
    let signed = lines[0]!;
    let canonical = `${lines[0]}:${lines[1]}\n`;
    for (let i = 2; i < lines.length; i += 2) {
      signed += `;${lines[i]}`;
      canonical += `${lines[i]}:${lines[i + 1]}\n`;
    }
    const signature = this.#signature(
      `${request.method}\n${request.path}\n${request.query}\n${canonical}\n${signed}\n${payload}`,
      credentials.secretAccessKey,
      time,
      date,
      region,
    );
    const scope = `${credentials.accessKeyId}/${date}/${region}/${this.#service}/aws4_request`;
    const result = [
      'x-amz-content-sha256',
      payload,
      'x-amz-date',
      time,
      'authorization',
      `${HMAC} Credential=${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    ];
    if (token !== undefined) result.push('x-amz-security-token', token);
    return result;
  }

  /**
   * The whole query of an address that works for `expires` seconds for anyone who has it.
   * @param query further names and values, not encoded
   */
  presign(
    request: { method: string; path: string; host: string; query?: Record<string, string> },
    credentials: S3Credentials,
    region: string,
    expires: number,
    now: number,
  ): string {
    const time = this.#timeAt(now);
    const date = time.slice(0, 8);
    const query = canonicalQuery({
      ...request.query,
      'X-Amz-Algorithm': HMAC,
      'X-Amz-Credential': `${credentials.accessKeyId}/${date}/${region}/${this.#service}/aws4_request`,
      'X-Amz-Date': time,
      'X-Amz-Expires': String(expires),
      'X-Amz-SignedHeaders': 'host',
      ...(credentials.sessionToken !== undefined && { 'X-Amz-Security-Token': credentials.sessionToken }),
    });
    const signature = this.#signature(
      `${request.method}\n${request.path}\n${query}\nhost:${request.host}\n\nhost\n${UNSIGNED_PAYLOAD}`,
      credentials.secretAccessKey,
      time,
      date,
      region,
    );
    return `${query}&X-Amz-Signature=${signature}`;
  }

  #signature(canonical: string, secret: string, time: string, date: string, region: string): string {
    const keyOf = `${secret}\n${date}\n${region}`;
    if (keyOf !== this.#keyOf) {
      this.#key = signingKey(secret, date, region, this.#service);
      this.#keyOf = keyOf;
    }
    return this.#key.digest(
      `${HMAC}\n${time}\n${date}/${region}/${this.#service}/aws4_request\n${hash('sha256', canonical, 'hex')}`,
    );
  }

  /** 20260131T235959Z */
  #timeAt(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = `${new Date(second * 1000).toISOString().replace(/[-:]|\.\d+/g, '')}`;
    }
    return this.#time;
  }
}

function isSigned(name: string): boolean {
  return name.startsWith('x-amz-') || name === 'content-type' || name === 'content-md5';
}

/** Keeps the lines in the order of their names. @param lines flat: name, value, … */
function insert(lines: string[], name: string, value: string): void {
  let at = lines.length;
  while (at > 0 && name < lines[at - 2]!) at -= 2;
  lines.splice(at, 0, name, value);
}

/** A header's value as it is signed: spaces around it go, several inside become one. */
export function asSigned(value: string): string {
  const text = trimmed(value);
  return text.includes('  ') ? text.replace(/ +/g, ' ') : text;
}

/** Names and values encoded and ordered, as both the address and the signature need them. */
export function canonicalQuery(values: Record<string, string>): string {
  return Object.keys(values)
    .map((name) => [encodePart(name), encodePart(values[name]!)] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A key as the path of an address: its slashes stay. */
export function encodeKey(key: string): string {
  return key.replace(/[^A-Za-z0-9/._~-]+/g, encodePart);
}
