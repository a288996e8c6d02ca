import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../base/errors.ts';

export interface Polling {
  /** Milliseconds. */
  first: number;
  most: number;
  timeout: number;
}

export const JOB_POLLING: Polling = { first: 2000, most: 15_000, timeout: 60 * 60_000 };
export const SQL_POLLING: Polling = { first: 500, most: 5000, timeout: 10 * 60_000 };

/**
 * Asks again with growing pauses until there is an answer. When time runs out or the work is canceled, `giveUp` is
 * called, so that nothing keeps running (and costing) on the other side.
 * @throws SluiceError TIMEOUT, saying what took too long
 */
export async function poll<T>(
  polling: Polling,
  what: string,
  signal: AbortSignal,
  ask: () => Promise<T | undefined>,
  giveUp: () => Promise<void>,
): Promise<T> {
  const end = performance.now() + polling.timeout;
  let pause = polling.first;
  try {
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      const left = end - performance.now();
      if (left <= 0) {
        throw new SluiceError(
          'TIMEOUT',
          `${what} did not end within ${Math.round(polling.timeout / 1000)} s and was canceled. Give it more time ("timeout", in seconds), or see why it is slow.`,
          { retryable: false },
        );
      }
      await sleep(Math.min(pause, left), undefined, { signal });
      pause = Math.min(pause * 1.5, polling.most);
    }
  } catch (error) {
    if (signal.aborted || (error instanceof SluiceError && error.code === 'TIMEOUT')) {
      await giveUp().catch(() => {});
    }
    throw error;
  }
}
