import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, toSluiceError } from '../base/errors.ts';

/** How often and how patiently something is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  /** Milliseconds: the ceiling of the first wait; it doubles with every attempt … */
  baseDelay: number;
  /** … up to this one. */
  maxDelay: number;
  /** Milliseconds after which no further attempt is begun. */
  deadline: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 7,
  baseDelay: 100,
  maxDelay: 20_000,
  deadline: 180_000,
};

export interface RetryOptions {
  policy?: RetryPolicy;
  signal?: AbortSignal | undefined;
  /** Called before each wait: what failed, which attempt that was (from 1), milliseconds until the next. */
  onRetry?: (error: SluiceError, attempt: number, delay: number) => void;
}

/**
 * Runs `attempt` until it succeeds, fails with something that trying again does not mend
 * (`SluiceError.retryable` is false, or it is no SluiceError), or the policy's attempts or time are used up;
 * then the last error comes out as it was thrown.
 * @param attempt gets its number, from 1; must be repeatable
 * @throws CANCELED when the signal fires, also during a wait
 */
export async function retry<T>(
  attempt: (number: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const policy = options.policy ?? DEFAULT_RETRY;
  const started = performance.now();
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (error) {
      const delay = delayBefore(error, number, performance.now() - started, policy, options.signal);
      if (delay === undefined) throw error;
      options.onRetry?.(error as SluiceError, number, delay);
      await pause(delay, options.signal);
    }
  }
}

/**
 * Milliseconds to wait after failed attempt `number` (from 1), or undefined when there is to be no other:
 * for loops that cannot be a function called again, such as a stream that goes on where it broke.
 */
export function delayBefore(
  error: unknown,
  number: number,
  elapsed: number,
  policy: RetryPolicy,
  signal?: AbortSignal,
): number | undefined {
  if (!(error instanceof SluiceError) || !error.retryable || signal?.aborted) return undefined;
  if (number >= policy.attempts) return undefined;
  const delay = backoff(number, policy, error.retryAfter);
  return elapsed + delay > policy.deadline ? undefined : delay;
}

/**
 * Full jitter: anything from 0 to the ceiling with equal chance, so that many workers that failed together
 * do not come back together. A wait that the other side asked for is the least.
 */
export function backoff(number: number, policy: RetryPolicy, retryAfter = 0): number {
  const ceiling = Math.min(policy.maxDelay, policy.baseDelay * 2 ** (number - 1));
  return Math.max(retryAfter, Math.random() * ceiling);
}

/** Waits. @throws CANCELED at once when the signal fires */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : undefined);
  } catch (error) {
    throw toSluiceError(error);
  }
}

/** Milliseconds of a Retry-After header, seconds or a date (RFC 9110, 10.2.3); undefined when there is none to read. */
export function parseRetryAfter(header: string | undefined): number | undefined {
  if (!header) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

const TIMEOUTS = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const BROKEN = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/**
 * What a failure below HTTP is: TIMEOUT, CONNECTION (a link that broke or was never made; also when the
 * answer was no HTTP), or undefined for anything else. Follows `cause` and the errors of an AggregateError.
 */
export function networkFailure(error: unknown): 'TIMEOUT' | 'CONNECTION' | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string') {
      if (TIMEOUTS.has(code)) return 'TIMEOUT';
      if (BROKEN.has(code) || code.startsWith('HPE_')) return 'CONNECTION';
    }
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return undefined;
}
