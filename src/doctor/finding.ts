import { type ErrorCode, SluiceError, toSluiceError } from '../base/errors.ts';

/** What one check came to. */
export interface Finding {
  /** What was looked at, such as `connection minio` or `destination s3://exports/`. */
  check: string;
  /** `skipped`: there is nothing that could be asked. */
  result: 'ok' | 'warning' | 'failed' | 'skipped';
  /** A sentence for people; of what is not well, it says what to do. */
  message: string;
  /** The error's code, when it failed. */
  code?: ErrorCode;
}

/** Several findings may come of one look, the first that fails being the last. */
export type Check = (signal: AbortSignal) => Promise<Finding | Finding[]>;

export const ok = (check: string, message: string): Finding => ({ check, result: 'ok', message });
export const warning = (check: string, message: string): Finding => ({ check, result: 'warning', message });
export const skipped = (check: string, message: string): Finding => ({ check, result: 'skipped', message });
export const failed = (check: string, error: unknown, remedy = ''): Finding => {
  const { code, message } = toSluiceError(error);
  return { check, result: 'failed', message: remedy === '' ? message : `${message} ${remedy}`, code };
};

/** Gives a check so long; what it throws is what it found. */
export async function looked(
  check: string,
  milliseconds: number,
  signal: AbortSignal,
  look: (signal: AbortSignal) => Promise<Finding | Finding[]>,
): Promise<Finding[]> {
  const late = AbortSignal.timeout(milliseconds);
  try {
    const found = await withEnd(look(AbortSignal.any([signal, late])), late);
    return Array.isArray(found) ? found : [found];
  } catch (error) {
    if (signal.aborted) throw new SluiceError('CANCELED', 'The check was stopped.', { cause: error });
    if (!late.aborted) return [failed(check, error)];
    const seconds = Math.round(milliseconds / 1000);
    const message = `There was no answer within ${seconds} s. Check the address, and that a firewall lets it through.`;
    return [{ check, result: 'failed', message, code: 'TIMEOUT' }];
  }
}

/** Not every library listens to a signal. */
function withEnd<T>(work: Promise<T>, end: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    end.addEventListener('abort', () => reject(end.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
