import type { Progress } from './job.ts';

/** Over how long rates are measured, in milliseconds. */
const WINDOW_MS = 15_000;

/** How fast something grows, from what it was a while ago. */
class Rate {
  #samples: { at: number; value: number }[] = [];

  add(at: number, value: number): void {
    this.#samples.push({ at, value });
    while (this.#samples.length > 2 && this.#samples[0]!.at < at - WINDOW_MS) this.#samples.shift();
  }

  /** Per second. */
  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 200) return 0;
    return Math.max(0, ((last.value - first.value) / (last.at - first.at)) * 1000);
  }
}

/** How fast a job goes, and how long it will take, by the progress that was seen of it. */
export class Pace {
  readonly #objects = new Rate();
  readonly #bytes = new Rate();
  #progress: Progress;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** @param at milliseconds since 1970 */
  add(at: number, progress: Progress): void {
    this.#progress = progress;
    this.#objects.add(at, progress.counts.objects ?? 0);
    this.#bytes.add(at, progress.counts.bytes ?? 0);
  }

  get objectsPerSecond(): number {
    return this.#objects.perSecond;
  }

  get bytesPerSecond(): number {
    return this.#bytes.perSecond;
  }

  /** Milliseconds, by what is slower: bytes or objects; undefined when it can't be told. */
  get timeLeft(): number | undefined {
    const { counts, planned } = this.#progress;
    if (!planned) return undefined;
    const left = (total = 0, done = 0, rate: number): number =>
      total > done && rate > 0 ? (total - done) / rate : 0;
    const seconds = Math.max(
      left(counts.plannedObjects, (counts.objects ?? 0) + (counts.skipped ?? 0), this.objectsPerSecond),
      left(counts.plannedBytes, counts.bytes, this.bytesPerSecond),
    );
    return seconds > 0 ? seconds * 1000 : undefined;
  }
}
