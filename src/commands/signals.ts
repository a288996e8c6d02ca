import cluster from 'node:cluster';
import { EXIT } from './errors.ts';

/** A terminal sends Ctrl-C to the whole process group, and a wrapper hands it on once more: one press, two signals. */
const SAME_PRESS_MS = 300;

/**
 * The first SIGINT or SIGTERM asks for a clean stop through the signal that is returned; a second one ends the
 * process at once, which loses nothing that a resume can't bring back.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  const onSignal = (): void => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      firstAt = now;
      // A worker's first process says it for all.
      if (!cluster.isWorker) process.stderr.write('\nsluice: stopping; once more to stop at once\n');
      controller.abort();
    } else if (now - firstAt > SAME_PRESS_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
