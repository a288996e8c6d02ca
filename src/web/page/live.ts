import { Pace } from '../../jobs/pace.ts';
import { ApiError, get, listen } from './api.ts';
import { isFinal, type JobEvent, type JobRecord } from './types.ts';

/** Rates kept for the small line of a job, one a second. */
const RATES_KEPT = 60;
/** Most jobs of one status that are followed; further ones are in the list. */
const MOST = 50;
/** Finds jobs whose process died, of which no event tells. */
const RELOAD_MS = 15_000;
/** Renders at most so often, however fast events come. */
const RENDER_MS = 250;

/** A job that has not ended, as it goes. */
export interface LiveJob {
  job: JobRecord;
  pace: Pace;
  /** Bytes a second, or objects a second where no bytes are counted; oldest first. */
  rates: number[];
}

export type Connection = 'connecting' | 'live' | 'lost';

/** The jobs that have not ended, kept up by the event stream of the service. */
export class LiveJobs {
  readonly jobs = new Map<string, LiveJob>();
  connection: Connection = 'connecting';
  loaded = false;
  /** There are more than are followed. */
  more = false;
  readonly #changes = new Set<() => void>();
  readonly #events = new Set<(event: JobEvent) => void>();
  #stop: AbortController | undefined;
  #rendering: number | undefined;
  #rendered = Number.NEGATIVE_INFINITY;

  /** Starts over with what is now; also after another sign-in. */
  start(): void {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    void this.#follow(stop.signal);
    const reload = setInterval(() => void this.#load().catch(() => undefined), RELOAD_MS);
    const sample = setInterval(() => this.#sample(), 1000);
    stop.signal.addEventListener('abort', () => {
      clearInterval(reload);
      clearInterval(sample);
    });
  }

  stop(): void {
    this.#stop?.abort();
  }

  /** @returns ends the listening */
  onChange(listener: () => void): () => void {
    this.#changes.add(listener);
    return () => this.#changes.delete(listener);
  }

  /** Every event, as it comes. @returns ends the listening */
  onEvent(listener: (event: JobEvent) => void): () => void {
    this.#events.add(listener);
    return () => this.#events.delete(listener);
  }

  /** A job that this page started, before its first event comes. */
  add(job: JobRecord): void {
    this.#take(job);
    this.#changed();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 30_000)) {
      try {
        const events = listen('/v1/events', signal);
        // The stream is open before the list is read, so that nothing is missed between the two.
        const first = events.next();
        first.catch(() => undefined);
        await this.#load();
        this.#connected('live');
        wait = 1000;
        for (let next = await first; !next.done; next = await events.next()) {
          const { type, data } = next.value;
          if (type === 'status' || type === 'progress' || type === 'part')
            this.#on(JSON.parse(data) as JobEvent);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) {
          this.stop();
          return;
        }
      }
      this.#connected('lost');
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #connected(connection: Connection): void {
    this.connection = connection;
    this.#changed();
  }

  async #load(): Promise<void> {
    const pages = await Promise.all(
      ['TRANSFERRING', 'STARTED'].map((status) =>
        get<{ jobs: JobRecord[]; next?: string }>('/v1/jobs', { status, limit: MOST }),
      ),
    );
    const found = pages.flatMap(({ jobs }) => jobs);
    this.more = pages.some(({ next }) => next !== undefined);
    const ids = new Set(found.map(({ id }) => id));
    for (const id of this.jobs.keys()) if (!ids.has(id)) this.jobs.delete(id);
    for (const job of found) this.#take(job);
    this.loaded = true;
    this.#changed();
  }

  #take(job: JobRecord): void {
    const known = this.jobs.get(job.id);
    if (known) known.job = job;
    else this.jobs.set(job.id, { job, pace: new Pace(job.progress), rates: [] });
  }

  #on(event: JobEvent): void {
    for (const listener of this.#events) listener(event);
    if (event.type === 'part') return;
    const known = this.jobs.get(event.id);
    if (event.type === 'progress') {
      if (!known) return;
      known.job = { ...known.job, progress: event.progress, interrupted: undefined };
      known.pace.add(event.at, event.progress);
    } else if (isFinal(event.status)) this.jobs.delete(event.id);
    else if (known) known.job = { ...known.job, status: event.status, interrupted: undefined };
    else if (this.jobs.size < MOST * 2) void this.#fetch(event.id);
    this.#changed();
  }

  async #fetch(id: string): Promise<void> {
    const job = await get<JobRecord>(`/v1/jobs/${encodeURIComponent(id)}`).catch(() => undefined);
    if (!job || isFinal(job.status)) return;
    this.#take(job);
    this.#changed();
  }

  #sample(): void {
    for (const { pace, rates, job } of this.jobs.values()) {
      rates.push(job.progress.counts.bytes ? pace.bytesPerSecond : pace.objectsPerSecond);
      if (rates.length > RATES_KEPT) rates.shift();
    }
    if (this.jobs.size > 0) this.#changed();
  }

  #changed(): void {
    // The first change after a pause is shown at once.
    const wait = Math.max(0, this.#rendered + RENDER_MS - performance.now());
    this.#rendering ??= window.setTimeout(() => {
      this.#rendering = undefined;
      this.#rendered = performance.now();
      for (const listener of this.#changes) listener();
    }, wait);
  }
}

export const live = new LiveJobs();
