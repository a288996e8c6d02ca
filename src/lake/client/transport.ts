import { Readable } from 'node:stream';
import { SluiceError } from '../../base/errors.ts';
import { canceled } from '../../stores/checks.ts';
import { StoreError } from '../../stores/errors.ts';
import { asBuffer, readAll } from '../../stores/read.ts';
import { DEFAULT_RETRY, networkFailure, type RetryPolicy, retry } from '../../stores/retry.ts';
import { type Answer, exchange } from '../../stores/wire/answer.ts';
import { ownFailure } from '../../stores/wire/failure.ts';
import { WirePool } from '../../stores/wire/pool.ts';
import type { LakefsConnection } from './connection.ts';
import { answerFailure, header, presignedFailure, type Subject } from './failure.ts';

export interface TransportOptions {
  /** Sockets at once to each host. */
  connections?: number;
  /** Milliseconds of silence after which a request is given up. */
  timeout?: number;
  retry?: RetryPolicy;
}

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** After /api/v1, each segment encoded. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  /** A function is called for every attempt. */
  body?: string | Uint8Array | (() => Promise<Readable>);
  /** Bytes of a body that is a function, where they are known. */
  size?: number | undefined;
  subject: Subject;
  /** Must not be repeated when it may have been done. */
  once?: boolean;
  signal?: AbortSignal | undefined;
}

const ERROR_BODY = 64 * 1024;

/** HTTP to one lakeFS and, without its credentials, to the object stores it sends us to. Kept-alive sockets. */
export class Transport {
  readonly endpoint: string;
  /** By origin. */
  readonly #pools = new Map<string, WirePool>();
  readonly #connections: number;
  readonly #timeout: number;
  readonly #authorization: string;
  readonly #retry: RetryPolicy;

  constructor(connection: LakefsConnection, options: TransportOptions = {}) {
    this.endpoint = connection.endpoint;
    const pair = `${connection.accessKeyId}:${connection.secretAccessKey}`;
    this.#authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#connections = options.connections ?? 64;
    this.#timeout = options.timeout ?? 60_000;
  }

  /** @throws StoreError with lakeFS's own message */
  async json<T>(call: Call): Promise<T> {
    return this.#attempts(call, async () => {
      const answer = await this.#send(call);
      // Another server, or lakeFS's own page, may answer 200 with something else.
      const isJson = header(answer.headers, 'content-type')?.includes('json');
      const text = (await this.#read(answer, call, 64 * 1024 * 1024)).toString('utf8');
      try {
        if (isJson) return JSON.parse(text) as T;
      } catch {
        // Told below.
      }
      throw new StoreError(
        'PROTOCOL',
        `Cannot ${call.subject.doing}: what answers at ${this.endpoint}/api/v1 is not lakeFS's API. Check the endpoint.`,
        call.subject,
      );
    });
  }

  /** A call whose answer has no body of interest. */
  async done(call: Call): Promise<void> {
    await this.#attempts(call, async () => {
      (await this.#send(call)).body.resume();
    });
  }

  /** @param limit bytes; more are TOO_LARGE */
  async bytes(call: Call, limit: number): Promise<Buffer> {
    return this.#attempts(call, async () => {
      const answer = await this.#follow(await this.#send(call), call);
      return this.#read(answer, call, limit);
    });
  }

  /** Opens a body; a redirect to the object store is followed. The body must be read or destroyed. */
  async open(call: Call): Promise<Answer> {
    return this.#attempts(call, async () => this.#follow(await this.#send(call), call));
  }

  /** Reads or writes a presigned address. @throws StoreError ACCESS_DENIED when it has run out */
  async presigned(url: string, call: Omit<Call, 'path' | 'query'>): Promise<Answer> {
    return this.#attempts({ ...call, path: '' }, () => this.#sendPresigned(url, call));
  }

  /** Ends all connections; calls that are under way fail. */
  async close(): Promise<void> {
    for (const pool of this.#pools.values()) pool.destroy();
  }

  #attempts<T>(call: Call, attempt: () => Promise<T>): Promise<T> {
    return retry(
      async () => {
        try {
          return await attempt();
        } catch (error) {
          const failure = this.#failure(error, call);
          if (
            call.once &&
            failure instanceof SluiceError &&
            failure.code !== 'THROTTLED' &&
            failure.retryable
          ) {
            throw new StoreError(
              failure.code,
              `${failure.message} It may have been done all the same; look before trying again.`,
              { ...call.subject, retryable: false, cause: failure },
            );
          }
          throw failure;
        }
      },
      { policy: this.#retry, signal: call.signal },
    );
  }

  async #send(call: Call): Promise<Answer> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) query.append(name, String(value));
    const search = query.size > 0 ? `?${query}` : '';
    const answer = await this.#request(`${this.endpoint}/api/v1${call.path}${search}`, call, {
      authorization: this.#authorization,
      ...call.headers,
    });
    if (answer.status < 400) return answer;
    const text = await errorText(answer);
    throw answerFailure(this.endpoint, call.subject, answer.status, answer.headers, text);
  }

  /** The redirect of `presign=true` goes to another host, which must not see our credentials. */
  async #follow(answer: Answer, call: Call): Promise<Answer> {
    if (answer.status < 300 || answer.status === 304) return answer;
    answer.body.resume();
    const location = header(answer.headers, 'location');
    if (!location || !URL.canParse(location)) {
      throw new StoreError(
        'PROTOCOL',
        `Cannot ${call.subject.doing}: lakeFS at ${this.endpoint} sends us on without saying where.`,
        call.subject,
      );
    }
    return this.#sendPresigned(location, call);
  }

  async #sendPresigned(url: string, call: Omit<Call, 'path' | 'query'>): Promise<Answer> {
    const answer = await this.#request(url, call, { ...call.headers });
    if (answer.status < 300) return answer;
    const text = await errorText(answer);
    throw presignedFailure(new URL(url).host, call.subject, answer.status, answer.headers, text);
  }

  async #request(
    url: string,
    call: Omit<Call, 'path' | 'query'>,
    headers: Record<string, string>,
  ): Promise<Answer> {
    if (call.signal?.aborted) throw canceled(call.subject.store, call.signal);
    const body = await bodyOf(call);
    const { origin, host, pathname, search } = new URL(url);
    let broke: Error | undefined;
    if (body instanceof Readable) body.on('error', (error) => (broke ??= error));
    try {
      return await exchange(
        this.#pool(origin),
        {
          method: call.method ?? 'GET',
          // The address of a presigned request is signed as it is written.
          path: url.startsWith(`${origin}/`) ? url.slice(origin.length) : pathname + search,
          host,
          headers: Object.entries({ 'user-agent': 'sluice', ...headers }).flat(),
          body,
          size: call.size,
        },
        call.signal,
      );
    } catch (error) {
      // What the source says of itself comes before what that did to the connection.
      throw broke ?? error;
    } finally {
      // The answer may have come before all of the body was taken.
      if (body instanceof Readable) body.destroy();
    }
  }

  #pool(origin: string): WirePool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new WirePool(origin, {
        connections: this.#connections,
        connectTimeout: 10_000,
        timeout: this.#timeout,
        keep: 15_000,
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  async #read(answer: Answer, call: Call, limit: number): Promise<Buffer> {
    const promised = header(answer.headers, 'content-length');
    if (promised === undefined || Number(promised) > limit) return readAll(answer.body, limit);
    // Metadata files are large enough for a second copy of each to matter.
    const bytes = Buffer.allocUnsafe(Number(promised));
    let at = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunk.copy(bytes, at);
      at += chunk.length;
    }
    if (at === bytes.length) return bytes;
    throw new StoreError(
      'CORRUPT',
      `Cannot ${call.subject.doing}: ${promised} bytes were promised and ${at} came.`,
      call.subject,
    );
  }

  #failure(error: unknown, call: Call): unknown {
    if (error instanceof SluiceError) return error;
    if (call.signal?.aborted) return canceled(call.subject.store, call.signal);
    const own = ownFailure(error);
    if (own) {
      return new StoreError(own.code, `Cannot ${call.subject.doing}: ${own.why}.`, {
        ...call.subject,
        cause: error,
      });
    }
    const code = networkFailure(error);
    if (!code) return error;
    const why = code === 'TIMEOUT' ? 'there was no answer in time' : 'the connection failed';
    const detail = (error as NodeJS.ErrnoException).code;
    return new StoreError(
      code,
      `Cannot ${call.subject.doing}: ${why} (${this.endpoint}${detail ? `, ${detail}` : ''}). Check that lakeFS runs there.`,
      { ...call.subject, cause: error },
    );
  }
}

async function bodyOf({ body }: Pick<Call, 'body'>): Promise<Buffer | Readable | null> {
  if (body === undefined) return null;
  if (typeof body === 'function') return body();
  return typeof body === 'string' ? Buffer.from(body) : asBuffer(body);
}

async function errorText(answer: Answer): Promise<string> {
  try {
    return (await readAll(answer.body, ERROR_BODY)).toString('utf8');
  } catch {
    return '';
  }
}
