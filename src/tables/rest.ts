import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { type ErrorCode, isError, SluiceError } from '../base/errors.ts';

export interface RestCall {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With the leading '/'; parts are encoded already. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  signal: AbortSignal;
  /** Not to be sent again when it is unknown whether it was done. */
  once?: boolean;
}

export interface RestOptions {
  /** For errors: `Unity Catalog at http://…`. */
  name: string;
  endpoint: string;
  /** The value of the Authorization header; asked for again after a 401. */
  authorization(refresh: boolean): Promise<string | undefined>;
  /** Milliseconds of one request. */
  timeout?: number;
  /** Tries in all. */
  attempts?: number;
  /** Milliseconds before the second try; it doubles with each further one. */
  pause?: number;
}

const CODES: Record<number, ErrorCode> = {
  400: 'BAD_SPEC',
  401: 'UNAUTHENTICATED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  429: 'THROTTLED',
};

/** JSON over HTTP with `{error_code, message}` errors: Databricks' and Unity Catalog's dialect. */
export class RestClient {
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = { ...options, endpoint: options.endpoint.replace(/\/+$/, '') };
  }

  get name(): string {
    return this.#options.name;
  }

  /**
   * Sends a request, again with growing pauses while the other side is throttling, down or unreachable.
   * @throws SluiceError by the answer's status, with the other side's own words
   */
  async call<T>(call: RestCall): Promise<T> {
    const { attempts = 6, pause: first = 1000 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send<T>(call, attempt > 1);
      } catch (error) {
        const again = isError(error, 'THROTTLED', 'UNAVAILABLE', 'TIMEOUT', 'CONNECTION');
        const lost = call.once && isError(error, 'TIMEOUT', 'CONNECTION', 'UNAVAILABLE');
        const denied = attempt === 1 && isError(error, 'UNAUTHENTICATED');
        if (!(again || denied) || lost || attempt >= attempts) throw error;
        const pause = Math.min(first * 2 ** (attempt - 1), 20_000) * (0.5 + Math.random() / 2);
        const asked = (error as SluiceError).retryAfter ?? 0;
        await sleep(denied ? 0 : Math.max(pause, Math.min(asked, 120_000)), undefined, {
          signal: call.signal,
        });
      }
    }
  }

  async #send<T>(call: RestCall, refresh: boolean): Promise<T> {
    const { endpoint, name, authorization, timeout = 60_000 } = this.#options;
    const token = await authorization(refresh);
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(key, String(value));
    }
    const search = query.size > 0 ? `?${query}` : '';
    let status: number;
    let text: string;
    let retryAfter: number | undefined;
    try {
      const answer = await request(`${endpoint}${call.path}${search}`, {
        method: call.method,
        headers: {
          accept: 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: token }),
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: call.signal,
        headersTimeout: timeout,
        bodyTimeout: timeout,
      });
      status = answer.statusCode;
      text = await answer.body.text();
      const seconds = Number(answer.headers['retry-after']);
      retryAfter = Number.isFinite(seconds) ? seconds * 1000 : undefined;
    } catch (error) {
      if (call.signal.aborted) throw new SluiceError('CANCELED', 'The work was canceled.', { cause: error });
      const late = /timeout/i.test((error as { code?: string }).code ?? '');
      throw new SluiceError(
        late ? 'TIMEOUT' : 'CONNECTION',
        `${name} did not answer ${call.method} ${call.path}: ${(error as Error).message || (error as { code?: string }).code}`,
        { cause: error },
      );
    }
    if (status < 300) return parse<T>(text, name);
    throw failure(name, call, status, text, retryAfter);
  }
}

function parse<T>(text: string, name: string): T {
  if (text === '') return {} as T;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new SluiceError(
      'PROTOCOL',
      `${name} answered with something that is not JSON: ${text.slice(0, 80)}`,
      {
        cause: error,
      },
    );
  }
}

function failure(
  name: string,
  call: RestCall,
  status: number,
  text: string,
  retryAfter: number | undefined,
): SluiceError {
  let said = text.slice(0, 300);
  try {
    const { error_code: code, message } = JSON.parse(text) as { error_code?: string; message?: string };
    said = [code, message].filter((part) => part !== undefined).join(': ') || said;
  } catch {
    // A proxy's page: its beginning is said.
  }
  const code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'PROTOCOL');
  return new SluiceError(code, `${name} answered ${status} to ${call.method} ${call.path}: ${said}`, {
    status,
    retryAfter,
  });
}
