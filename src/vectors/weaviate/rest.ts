import { Agent, type Dispatcher } from 'undici';
import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { type RetryPolicy, retry } from '../../stores/retry.ts';
import type { WeaviateConnection } from './connection.ts';
import { restError } from './errors.ts';
import { SignIn } from './sign-in.ts';

export interface RestRequest {
  body?: Json;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal | undefined;
  /** A 404 gives undefined. */
  missing?: 'undefined';
  /** Gives the answer's headers in place of its body. */
  headers?: 'instead';
}

/** Weaviate's HTTP API under /v1. Tries again what can be tried again. */
export class WeaviateRest {
  readonly url: string;
  readonly #headers: Record<string, string>;
  readonly #signIn: SignIn;
  readonly #agent: Dispatcher;
  readonly #policy: RetryPolicy | undefined;

  constructor(connection: WeaviateConnection, policy?: RetryPolicy, signIn = new SignIn(connection)) {
    this.url = connection.url;
    this.#headers = { ...connection.headers };
    this.#signIn = signIn;
    this.#agent = new Agent({ connections: 32, headersTimeout: 120_000, bodyTimeout: 120_000 });
    this.#policy = policy;
  }

  /**
   * @param path after /v1, already encoded
   * @throws SluiceError UNAUTHENTICATED, ACCESS_DENIED, NOT_FOUND, BAD_SPEC, THROTTLED, UNAVAILABLE, CONNECTION, TIMEOUT
   */
  async call<T>(method: string, path: string, request: RestRequest = {}): Promise<T> {
    return retry(() => this.#signedIn<T>(method, path, request), {
      signal: request.signal,
      ...(this.#policy ? { policy: this.#policy } : {}),
    });
  }

  /** The server's Date, milliseconds since 1970. */
  async clock(signal?: AbortSignal): Promise<number> {
    const { date } = await this.call<{ date: string }>('GET', '/meta', { signal, headers: 'instead' });
    const clock = Date.parse(date);
    return Number.isNaN(clock) ? Date.now() : clock;
  }

  /** A token that was refused may have run out on its way: one more call with another. */
  async #signedIn<T>(method: string, path: string, request: RestRequest): Promise<T> {
    const token = await this.#signIn.token();
    try {
      return await this.#once<T>(method, path, request, token);
    } catch (error) {
      if (!isError(error, 'UNAUTHENTICATED') || !(await this.#signIn.another(token))) throw error;
      return this.#once<T>(method, path, request, await this.#signIn.token());
    }
  }

  async #once<T>(method: string, path: string, request: RestRequest, token: string | undefined): Promise<T> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const address = `${this.url}/v1${path}${query.size > 0 ? `?${query}` : ''}`;
    let status: number;
    let text: string;
    let headers: unknown;
    let retryAfter: number | undefined;
    try {
      const { origin, pathname, search } = new URL(address);
      const response = await this.#agent.request({
        origin,
        path: pathname + search,
        method: method as Dispatcher.HttpMethod,
        headers: {
          ...this.#headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        ...(request.signal ? { signal: request.signal } : {}),
      });
      status = response.statusCode;
      headers = response.headers;
      const seconds = Number(response.headers['retry-after']);
      if (seconds > 0) retryAfter = seconds * 1000;
      text = await response.body.text();
    } catch (error) {
      if (request.signal?.aborted) throw new SluiceError('CANCELED', 'The work was canceled.');
      const { code, message } = error as { code?: string; message: string };
      const timedOut = code?.includes('TIMEOUT');
      throw new SluiceError(
        timedOut ? 'TIMEOUT' : 'CONNECTION',
        `Weaviate at ${this.url} ${timedOut ? 'did not answer in time' : 'cannot be reached'} (${code ?? message}).`,
        { cause: error },
      );
    }
    if (status === 404 && request.missing === 'undefined') return undefined as T;
    if (status >= 400) throw restError(status, text, `${method} /v1${path}`, retryAfter);
    if (request.headers === 'instead') return headers as T;
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new SluiceError('PROTOCOL', `${address} does not answer as a Weaviate does; is the URL right?`);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
