/**
 * Limits how many pieces of work run at once, over everything that shares the limiter. First come, first
 * served.
 */
export class Limiter {
  readonly limit: number;
  #free: number;
  #waiting: (() => void)[] = [];
  #head = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.#free = limit;
  }

  /** Waits for a free place, runs the work, gives the place back whatever happens. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.acquire();
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Resolves when a place is taken; each must be given back by one `release`. */
  acquire(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    const next = this.#waiting[this.#head];
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting[this.#head++] = undefined as never;
    if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    next();
  }
}
