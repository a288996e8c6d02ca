import { setTimeout as sleep } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../base/errors.ts';
import type { RetryPolicy } from './environment.ts';

/** Milliseconds before try number `tries + 1`: what the other side asked for, else doubling with jitter. */
export function retryDelay(policy: RetryPolicy, tries: number, error: SluiceError): number {
  const delay = Math.min(policy.maxDelay, policy.firstDelay * 2 ** (tries - 1));
  return Math.max(delay * (0.5 + Math.random() / 2), Math.min(error.retryAfter ?? 0, 300_000));
}

/**
 * Tries work again while its error is retryable and the policy allows.
 * @param onRetry is told of each failed try that is followed by another
 * @throws the last try's error as SluiceError; the signal ends the waiting
 */
export async function retried<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  work: (tries: number) => Promise<T>,
  onRetry: (error: SluiceError, delay: number) => void,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work(tries);
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (signal.aborted || !error.retryable || tries >= policy.attempts) throw error;
      const delay = retryDelay(policy, tries, error);
      onRetry(error, delay);
      // An abort ends the wait; the next try then sees the signal itself.
      await sleep(delay, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}
