/** Most callers remembered; beyond that the ones that called longest ago are forgotten. */
const MOST_CALLERS = 10_000;

/** Lets each caller do so much a minute: a bucket that fills steadily. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #callers = new Map<string, { left: number; at: number }>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** @returns undefined when the call may go on, else the seconds to wait */
  take(caller: string): number | undefined {
    const now = performance.now();
    const known = this.#callers.get(caller) ?? { left: this.#perMinute, at: now };
    const perMs = this.#perMinute / 60_000;
    const left = Math.min(this.#perMinute, known.left + (now - known.at) * perMs);
    // Put in again at the end: the first one is always the one that called longest ago.
    this.#callers.delete(caller);
    this.#callers.set(caller, { left: left < 1 ? left : left - 1, at: now });
    if (this.#callers.size > MOST_CALLERS) this.#callers.delete(this.#callers.keys().next().value!);
    return left < 1 ? Math.max(1, Math.ceil((1 - left) / perMs / 1000)) : undefined;
  }
}
