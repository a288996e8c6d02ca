import { isError, type SluiceError } from '../base/errors.ts';
import type { Hold, Log } from './kind.ts';

/**
 * Renews a hold on its interval until it is stopped.
 * @param onLost is told when another took over; there are no renewals after that
 */
export function keepRenewed(hold: Hold, log: Log, onLost: (error: SluiceError) => void): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (delay: number): void => {
    timer = setTimeout(async () => {
      try {
        await hold.renew();
        if (!stopped) next(hold.interval);
      } catch (error) {
        if (stopped) return;
        if (isError(error, 'LEASED')) {
          onLost(error);
          return;
        }
        log.warn({ error: String(error) }, 'the hold could not be renewed yet');
        next(hold.interval / 4);
      }
    }, delay);
  };
  next(hold.interval);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
