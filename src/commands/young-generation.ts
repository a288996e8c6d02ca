import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Bytes, both halves. */
const ENOUGH = 32 * 1024 * 1024;
const LOOK_EVERY = 500;

/**
 * Lets V8's young generation grow, which main.ts stops at its start: a gateway makes little garbage that holds
 * buffers and much that is gone after one request, and sweeping that often costs it a tenth of its time. V8 takes
 * the largest size at its start only, so growing is stopped again once it is large enough.
 */
export function growYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if ((young?.space_size ?? ENOUGH) < ENOUGH) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, LOOK_EVERY);
  timer.unref();
}
