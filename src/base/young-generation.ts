import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MiB = 1024 * 1024;

/**
 * Keeps the space for new objects at the size that it starts with, so that it is swept often: streams make much
 * short-lived garbage that holds buffers outside of the heap. A third less memory at its peak over a million
 * objects that are only looked at, for the same CPU time.
 */
export function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Lets that space grow to some MB. With hundreds of requests' worth of objects alive at any time, each sweep of a
 * small one copies them all: a fifth of the CPU time of moving small objects. V8 takes no limit while it runs, so
 * growing is ended when it has grown.
 * @param enough bytes of the whole space; another doubling can be under way when it is seen
 * @param every milliseconds between looks
 */
export function letYoungGrow(enough = 8 * MiB, every = 10): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  const look = setInterval(() => {
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    if (young && young.space_size < enough) return;
    keepYoungSmall();
    clearInterval(look);
  }, every);
  look.unref();
}
