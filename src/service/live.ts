import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../jobs/engine.ts';
import { EventHub } from '../jobs/events.ts';
import type { Log } from '../jobs/kind.ts';

/** Before an engine that could not be heard is listened to again. */
const AGAIN_MS = 1000;

/** One subscription to the engine's events, shared by all that listen here. */
export class LiveEvents {
  readonly hub = new EventHub();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(engine: Engine, log: Log) {
    this.#done = this.#follow(engine, log);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.hub.close();
    await this.#done;
  }

  async #follow(engine: Engine, log: Log): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const event of engine.events({ signal })) this.hub.emit(event);
        break;
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ error: String(error) }, 'events of jobs are lost for a moment');
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    this.hub.close();
  }
}
