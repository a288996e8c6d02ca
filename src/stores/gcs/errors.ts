import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, isError } from '../../base/errors.ts';
import { canceled } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { networkFailure, parseRetryAfter } from '../retry.ts';

/** What was asked, for errors. */
export interface Asked {
  store: string;
  /** Such as "read", "list". */
  action: string;
  key?: string | undefined;
  signal?: AbortSignal | undefined;
}

const STATUSES: Record<number, ErrorCode> = {
  304: 'NOT_MODIFIED',
  401: 'UNAUTHENTICATED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  405: 'UNSUPPORTED',
  408: 'TIMEOUT',
  409: 'CONFLICT',
  410: 'UNAVAILABLE',
  412: 'PRECONDITION_FAILED',
  413: 'TOO_LARGE',
  416: 'RANGE_NOT_SATISFIABLE',
  429: 'THROTTLED',
  501: 'UNSUPPORTED',
};
/** Reasons that say more than their status ("HTTP status and error codes for JSON"). */
const REASONS: Record<string, ErrorCode> = {
  rateLimitExceeded: 'THROTTLED',
  userRateLimitExceeded: 'THROTTLED',
  quotaExceeded: 'THROTTLED',
};
const ADVICE: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED:
    'Check the credentials of the connection; "gcloud auth application-default login" makes some.',
  ACCESS_DENIED: 'The credentials in use may not do this; the role Storage Object User allows it.',
};

/** The error in an answer with a status of 300 or more; its body is JSON or XML or text. */
export function answeredError(
  asked: Asked,
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
): StoreError {
  const { message, reason } = read(body);
  // Bytes that do not fit the MD5 that was sent with them.
  const wrong = status === 400 && /md5|crc32c|checksum|hash/i.test(message ?? '') ? 'CORRUPT' : undefined;
  const code: ErrorCode =
    wrong ?? REASONS[reason ?? ''] ?? STATUSES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'BAD_SPEC');
  const text = message ? `${status} ${message.replace(/\s+/g, ' ').slice(0, 300)}` : `HTTP ${status}`;
  return new StoreError(code, sentence(asked, text, ADVICE[code]), {
    store: asked.store,
    key: asked.key,
    status,
    providerCode: reason,
    requestId: String(headers['x-guploader-uploadid'] ?? '') || undefined,
    retryAfter: parseRetryAfter(headers['retry-after']),
  });
}

/** An error in place of an answer. */
export function unansweredError(asked: Asked, error: unknown): unknown {
  if (asked.signal?.aborted) return canceled(asked.store, asked.signal);
  if (isError(error)) return error;
  const failure = networkFailure(error);
  if (failure === undefined) return error;
  const why = failure === 'TIMEOUT' ? 'nothing came for too long' : (error as Error).message;
  return new StoreError(failure, sentence(asked, `no answer (${why})`), {
    store: asked.store,
    key: asked.key,
    cause: error,
  });
}

/** What Google's SDK says instead of giving a token; a link that broke stays what it is. */
export function noCredentials(store: string, error: unknown): unknown {
  if (isError(error) || networkFailure(error) !== undefined || !(error instanceof Error)) return error;
  const status = Number((error as { status?: unknown }).status);
  // Of what it says further, such as a document's address, nothing helps here.
  const said = error.message.split(/[.\n]/)[0];
  return new StoreError(
    status >= 500 ? 'UNAVAILABLE' : 'UNAUTHENTICATED',
    `No credentials of Google could be had for ${store}: ${said}. Give the connection a key_file, set GOOGLE_APPLICATION_CREDENTIALS, or sign in (gcloud auth application-default login); for a public bucket, anonymous: true.`,
    { store, cause: error },
  );
}

function read(body: string): { message?: string | undefined; reason?: string | undefined } {
  try {
    const { error } = JSON.parse(body) as {
      error?: string | { message?: string; errors?: { reason?: string }[] };
    };
    if (typeof error === 'string') return { message: error };
    return { message: error?.message, reason: error?.errors?.[0]?.reason };
  } catch {
    const message = /<Message>([^<]*)/.exec(body)?.[1] ?? (body.startsWith('<') ? undefined : body);
    return { message, reason: /<Code>([^<]*)/.exec(body)?.[1] };
  }
}

export function sentence(asked: Asked, said: string, advice?: string): string {
  const what = asked.key === undefined ? asked.store : `${asked.store}/${asked.key}`;
  const stop = /[.!?]$/.test(said) ? '' : '.';
  return `Could not ${asked.action} ${what}: ${said}${stop}${advice ? ` ${advice}` : ''}`;
}
