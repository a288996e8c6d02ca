import type { JobEvent } from './engine.ts';
import { isFinal } from './job.ts';

/** Most events kept for a listener that is slower than the jobs. */
const MOST_WAITING = 10_000;

/**
 * Hands events to any number of listeners. One that is slow never holds up a job: of its waiting progress
 * events only the newest of each job is kept, and beyond MOST_WAITING events of single parts are dropped,
 * never those of a job's status.
 */
export class EventHub {
  readonly #listeners = new Set<Listener>();

  /** Listens from this call on, until the signal, the hub's end or, with an id, the end of that job. */
  listen(options: { id?: string; signal?: AbortSignal } = {}): Listener {
    const listener = new Listener(options.id);
    this.#listeners.add(listener);
    listener.whenEnded(() => this.#listeners.delete(listener));
    if (options.signal?.aborted) listener.end();
    options.signal?.addEventListener('abort', () => listener.end(), { once: true });
    return listener;
  }

  emit(event: JobEvent): void {
    for (const listener of this.#listeners) listener.push(event);
  }

  /** Ends the listening to one job. */
  end(id: string): void {
    for (const listener of this.#listeners) if (listener.id === id) listener.end();
  }

  close(): void {
    for (const listener of this.#listeners) listener.end();
  }
}

export class Listener implements AsyncIterableIterator<JobEvent> {
  /** The only job it hears of. */
  readonly id: string | undefined;
  readonly #atEnd: (() => void)[] = [];
  #waiting: JobEvent[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(id: string | undefined) {
    this.id = id;
  }

  /** Does something when the listening ends, or at once when it has. */
  whenEnded(work: () => void): void {
    if (this.#ended) work();
    else this.#atEnd.push(work);
  }

  push(event: JobEvent): void {
    if (this.#ended || (this.id !== undefined && this.id !== event.id)) return;
    if (event.type === 'progress') {
      const at = this.#waiting.findIndex((other) => other.type === 'progress' && other.id === event.id);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
    if (event.type !== 'part' || this.#waiting.length < MOST_WAITING) this.#waiting.push(event);
    if (event.type === 'status' && this.id !== undefined && isFinal(event.status)) this.end();
    this.#wake?.();
  }

  /** What was said before is still heard. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const work of this.#atEnd) work();
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<JobEvent>> {
    while (this.#waiting.length === 0) {
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: false, value: this.#waiting.shift()! };
  }

  async return(): Promise<IteratorResult<JobEvent>> {
    this.end();
    this.#waiting = [];
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
