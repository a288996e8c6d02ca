import type { Engine, JobEvent } from '../jobs/engine.ts';
import { EventHub } from '../jobs/events.ts';

/** One subscription to the engine's events, shared by all that listen here. */
export class LiveEvents {
  readonly hub = new EventHub();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(engine: Engine) {
    const events = engine.events({ signal: this.#stop.signal });
    this.#done = this.#pump(events);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.hub.close();
    await this.#done;
  }

  async #pump(events: AsyncIterable<JobEvent>): Promise<void> {
    for await (const event of events) this.hub.emit(event);
    this.hub.close();
  }
}
