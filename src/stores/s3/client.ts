import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { canceled } from '../checks.ts';
import { delayBefore, pause } from '../retry.ts';
import { WirePool } from '../wire/pool.ts';
import { addressOf, isAws, type S3Address } from './address.ts';
import { type CredentialSource, credentialSource, type S3Credentials } from './credentials.ts';
import { type Asked, answeredError, brokenAnswer, S3Error } from './errors.ts';
import { type Answer, Exchange, type Sink } from './exchange.ts';
import type { S3Settings } from './settings.ts';
import { EMPTY_PAYLOAD, encodeKey, Signer, UNSIGNED_PAYLOAD } from './signer.ts';
import { xmlFields } from './xml.ts';

export interface S3Request extends Asked {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Encoded, names in order (canonicalQuery). */
  query?: string;
  /** Flat: name, value, …; names in lower case. */
  headers?: string[];
  /** A function is called once an attempt. */
  body?: Buffer | (() => Promise<Readable>);
  /** Bytes of a body that is a function. */
  size?: number | undefined;
  /** Hex SHA-256 of the body, for one that is to be signed. */
  payload?: string;
  signal?: AbortSignal | undefined;
  sink?: Sink;
  /** The endpoint works before it answers (copies, completing an upload): it may take minutes. */
  slow?: boolean;
  /** Looks into a good answer; what it throws counts as this attempt's failure. */
  accept?: (answer: Answer) => void;
  /** False once another attempt is impossible. */
  repeatable?: () => boolean;
  /** Set while it runs: which attempt this is, from 1. */
  attempt?: number;
}

const WORKING_TIMEOUT = 15 * 60_000;

/** Sends requests for one bucket: signs them, repeats them, follows the bucket to its region. */
export class S3Client {
  readonly settings: S3Settings;
  readonly bucket: string;
  readonly name: string;
  readonly credentials: CredentialSource;
  readonly #signer = new Signer();
  #address: S3Address;
  #pool: WirePool;
  #retired: WirePool[] = [];
  /** Milliseconds that the endpoint's clock is ahead of ours. */
  #clockAhead = 0;

  constructor(settings: S3Settings, bucket: string) {
    this.settings = settings;
    this.bucket = bucket;
    this.name = `s3://${bucket}`;
    this.credentials = credentialSource(settings.credentials);
    this.#address = addressOf(settings, bucket);
    this.#pool = this.#connect();
  }

  /** Which endpoint this is: two clients with the same one can copy from each other. */
  get endpoint(): string {
    return isAws(this.settings) ? 'aws' : this.settings.endpoint!;
  }

  /**
   * One request with all its attempts.
   * @throws StoreError
   */
  async send(request: S3Request): Promise<Answer> {
    const started = performance.now();
    let mended = 0;
    for (let attempt = 1; ; attempt++) {
      request.attempt = attempt;
      let credentials: S3Credentials | undefined;
      try {
        const current = this.credentials.current();
        credentials = current instanceof Promise ? await current : current;
        const answer = await (typeof request.body === 'function'
          ? this.#sendStream(request, request.body, credentials)
          : this.#exchange(request, request.body ?? null, credentials));
        request.accept?.(answer);
        return answer;
      } catch (error) {
        if (request.repeatable?.() === false) throw error;
        if (mended < 3 && error instanceof S3Error && this.#mend(error, request, credentials)) {
          mended++;
          continue;
        }
        const delay = delayBefore(
          error,
          attempt,
          performance.now() - started,
          this.settings.retry,
          request.signal,
        );
        if (delay === undefined) throw error;
        await pause(delay, request.signal);
      }
    }
  }

  /** An address that works without credentials for `expires` seconds. */
  async presign(method: string, key: string, expires: number): Promise<string> {
    const { origin, host, root, region } = this.#address;
    const path = `${root}/${encodeKey(key)}`;
    const credentials = await this.credentials.current();
    if (!credentials) return origin + path;
    const now = Date.now() + this.#clockAhead;
    return `${origin}${path}?${this.#signer.presign({ method, path, host }, credentials, region, expires, now)}`;
  }

  async close(): Promise<void> {
    for (const pool of [this.#pool, ...this.#retired]) pool.destroy();
  }

  async #sendStream(
    request: S3Request,
    open: () => Promise<Readable>,
    credentials: S3Credentials | undefined,
  ): Promise<Answer> {
    if (request.signal?.aborted) throw canceled(this.name, request.signal);
    const body = await open();
    // The connection listens only while it writes; an error before or after must not end the process.
    let broke: Error | undefined;
    body.on('error', (error: Error) => {
      broke ??= error;
    });
    try {
      return await this.#exchange(request, body, credentials);
    } catch (error) {
      // What the source says of itself comes before what that did to the connection.
      throw broke !== undefined && (error as Error).cause !== broke ? broke : error;
    } finally {
      if (!body.destroyed) body.destroy();
    }
  }

  #exchange(
    request: S3Request,
    body: Buffer | Readable | null,
    credentials: S3Credentials | undefined,
  ): Promise<Answer> {
    const { host, root, region } = this.#address;
    const { method, signal } = request;
    const path = request.key === undefined ? root || '/' : `${root}/${encodeKey(request.key)}`;
    const query = request.query ?? '';
    const headers = request.headers === undefined ? [] : wireHeaders(request.headers);
    if (this.settings.requestPayer) headers.push('x-amz-request-payer', 'requester');
    if (credentials !== undefined) {
      const payload = request.payload ?? (body === null ? EMPTY_PAYLOAD : UNSIGNED_PAYLOAD);
      const signable = { method, path, query, host, headers: request.headers ?? NONE, payload };
      if (this.settings.requestPayer) {
        signable.headers = [...signable.headers, 'x-amz-request-payer', 'requester'];
      }
      headers.push(...this.#signer.sign(signable, credentials, region, Date.now() + this.#clockAhead));
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(canceled(this.name, signal));
        return;
      }
      this.#pool.send(
        {
          method,
          path: query === '' ? path : `${path}?${query}`,
          host,
          headers,
          body,
          size: request.size,
          patience: request.slow ? Math.max(WORKING_TIMEOUT, this.settings.timeout) : undefined,
        },
        new Exchange(request, request.sink, signal, resolve, reject),
      );
    });
  }

  /** Changes what the endpoint says was wrong with the asking. True: the same request may do now. */
  #mend(error: S3Error, request: S3Request, credentials: S3Credentials | undefined): boolean {
    const { providerCode, status } = error;
    if (providerCode === 'RequestTimeTooSkewed' && error.serverTime !== undefined) {
      const ahead = error.serverTime - Date.now();
      if (Math.abs(ahead - this.#clockAhead) < 60_000) return false;
      this.#clockAhead = ahead;
      return true;
    }
    const expired =
      providerCode === 'ExpiredToken' ||
      providerCode === 'TokenRefreshRequired' ||
      // An answer to HEAD has no body, and so no code.
      (request.method === 'HEAD' && status === 400 && error.region === undefined);
    if (expired) return credentials !== undefined && this.credentials.renew(credentials);
    const { region } = error;
    if (region === undefined || region === this.#address.region) return false;
    if (status !== 301 && status !== 307 && status !== 400 && status !== 403) return false;
    const moved = addressOf(this.settings, this.bucket, region);
    if (moved.origin !== this.#address.origin) {
      this.#retired.push(this.#pool);
      this.#address = moved;
      this.#pool = this.#connect();
    } else {
      this.#address = moved;
    }
    return true;
  }

  #connect(): WirePool {
    const { settings } = this;
    const { hostname } = new URL(this.#address.origin);
    return new WirePool(this.#address.origin, {
      connections: settings.connections,
      connectTimeout: settings.connectTimeout,
      timeout: settings.timeout,
      keep: 15_000,
      ca: settings.tls.ca,
      insecure: settings.tls.insecure,
      ...(hostname.endsWith('.localhost') && { lookup: loopback }),
    });
  }
}

const NONE: readonly string[] = [];

/** Names under localhost are this machine (RFC 6761, 6.3), whether or not the system's resolver knows it. */
const loopback: LookupFunction = (_name, options, callback) => lookup('localhost', options, callback);

/** Headers go out as Latin-1: text beyond ASCII as the bytes of its UTF-8, which are what is signed. */
function wireHeaders(headers: readonly string[]): string[] {
  const wire = [...headers];
  for (let i = 1; i < wire.length; i += 2) {
    const value = wire[i]!;
    if (/[^\x20-\x7e]/.test(value)) wire[i] = Buffer.from(value, 'utf8').toString('latin1');
  }
  return wire;
}

/** The fields of a document that answers a command. S3 may begin with 200 and then say in it that it failed. */
export function answeredFields(asked: Asked, answer: Answer): Record<string, string> {
  const body = answer.body.toString().trimStart();
  if (/<Error[\s>]/.test(body.slice(0, 500))) throw answeredError(asked, 500, answer.headers, body);
  try {
    return xmlFields(body);
  } catch (error) {
    throw brokenAnswer(asked, `the answer cannot be read: ${(error as Error).message}`, answer.headers);
  }
}
