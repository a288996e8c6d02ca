import type { IncomingHttpHeaders } from 'node:http';
import { S3Error } from './errors.ts';
import type { RequestHead } from './http/request-head.ts';
import { uriDecode } from './percent.ts';

/** A query string, decoded, in the order in which it came. */
export class Query {
  readonly pairs: readonly (readonly [string, string])[];
  readonly #first: ReadonlyMap<string, string>;

  constructor(pairs: readonly (readonly [string, string])[]) {
    this.pairs = pairs;
    const first = new Map<string, string>();
    for (const [name, value] of pairs) if (!first.has(name)) first.set(name, value);
    this.#first = first;
  }

  has(name: string): boolean {
    return this.#first.has(name);
  }

  get(name: string): string | undefined {
    return this.#first.get(name);
  }

  /** @throws S3Error InvalidArgument when it is there and no whole number from 0 */
  number(name: string): number | undefined {
    const text = this.#first.get(name);
    if (text === undefined || text === '') return undefined;
    if (!/^\d{1,10}$/.test(text)) {
      throw new S3Error('InvalidArgument', `Argument ${name} must be an integer between 0 and 2147483647.`, {
        ArgumentName: name,
        ArgumentValue: text,
      });
    }
    return Number(text);
  }
}

const NO_QUERY = new Query([]);

/** What a request asks for, before it is known who asks. */
export interface S3Request {
  method: string;
  /** As it was sent, without the query. */
  path: string;
  query: Query;
  /** '' for the service itself. */
  bucket: string;
  /** '' for the bucket itself. */
  key: string;
  headers: IncomingHttpHeaders;
}

const MAX_KEY_BYTES = 1024;

/**
 * Reads the request line and the Host header: path style (`/bucket/key`), or virtual-host style when the host
 * is `bucket.<domain>`.
 * @param domains the gateway's own names, in lower case, without ports
 * @throws S3Error InvalidURI, InvalidBucketName, KeyTooLongError
 */
export function parseRequest(head: RequestHead, domains: readonly string[]): S3Request {
  const { method, headers } = head;
  let { target } = head;
  if (!target.startsWith('/')) target = originForm(target);
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? NO_QUERY : parseQuery(target.slice(mark + 1));
  const hostBucket = domains.length > 0 ? bucketOfHost(headers.host, domains) : undefined;
  let bucket: string;
  let rawKey: string;
  if (hostBucket !== undefined) {
    bucket = hostBucket;
    rawKey = path.slice(1);
  } else {
    const slash = path.indexOf('/', 1);
    bucket = uriDecode(slash < 0 ? path.slice(1) : path.slice(1, slash));
    rawKey = slash < 0 ? '' : path.slice(slash + 1);
  }
  if (bucket !== '') checkBucketName(bucket);
  const key = uriDecode(rawKey);
  if (key !== '') checkKey(key);
  return { method, path, query, bucket, key, headers };
}

/** `GET http://host/path` is allowed by HTTP; only its path counts. */
function originForm(target: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  if (!match) throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  return match[1]!.startsWith('/') ? match[1]! : `/${match[1]}`;
}

export function parseQuery(text: string): Query {
  if (text === '') return NO_QUERY;
  const pairs: [string, string][] = [];
  for (const part of text.split('&')) {
    if (part === '') continue;
    const mark = part.indexOf('=');
    const name = mark < 0 ? part : part.slice(0, mark);
    const value = mark < 0 ? '' : part.slice(mark + 1);
    pairs.push([uriDecode(name.replaceAll('+', ' ')), uriDecode(value.replaceAll('+', ' '))]);
  }
  return new Query(pairs);
}

function bucketOfHost(host: string | undefined, domains: readonly string[]): string | undefined {
  if (host === undefined) return undefined;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  for (const domain of domains) {
    if (name.length > domain.length + 1 && name.endsWith(domain) && name.at(-domain.length - 1) === '.') {
      return name.slice(0, -domain.length - 1);
    }
  }
  return undefined;
}

/** Looser than S3's own rule, because a bucket here may be named as another scheme allows it (`container@account…`). */
export function checkBucketName(bucket: string): void {
  if (bucket.length <= 255 && /^[A-Za-z0-9][A-Za-z0-9._@-]{1,}$/.test(bucket) && !bucket.includes('..'))
    return;
  throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', {
    BucketName: bucket.slice(0, 255),
  });
}

/** @throws S3Error KeyTooLongError, InvalidURI (a NUL, which no store takes) */
export function checkKey(key: string): void {
  if (key.length > MAX_KEY_BYTES / 3 && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', 'Your key is too long.', {
      Size: String(Buffer.byteLength(key)),
      MaxSizeAllowed: String(MAX_KEY_BYTES),
    });
  }
  if (key.includes('\0')) throw new S3Error('InvalidURI', 'A key cannot contain the character NUL.');
}

/**
 * Keys with control characters (but the tab) cannot be shown in XML and break most tools, so none is made; those that a
 * target already has can be read and deleted.
 */
export function checkNewKey(key: string): void {
  checkKey(key);
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(key)) {
    throw new S3Error('InvalidArgument', 'A new key cannot contain control characters.', {
      ArgumentName: 'key',
    });
  }
}

/** A header's value. Also of a name that a client made up: it may be one that every object has ("constructor"). */
export function header(request: { headers: IncomingHttpHeaders }, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Header bytes are UTF-8 where they are text; they came with each byte as one character. */
export function headerText(value: string): string {
  return /[\x80-\xff]/.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}
