import { setTimeout as sleep } from 'node:timers/promises';
import { isError } from '../../../base/errors.ts';
import type { JobEvent } from '../../engine.ts';
import { EventHub, type Listener } from '../../events.ts';
import { isFinal, type JobRecord } from '../../job.ts';
import type { Log } from '../../kind.ts';
import type { JobList } from './list.ts';
import type { PageView } from './messages.ts';
import type { Records } from './records.ts';

/** How often the list of jobs is looked at by those who listen to all. */
const LIST_MS = 1000;
/** Jobs that are looked at at once. */
const AT_ONCE = 8;
/** Pages that came to rest whose last events are fetched at one look; those of further ones are left out. */
const MOST_PAGES = 16;

interface Watched {
  status: string;
  progress: string;
  /** Where the events of each page go on. */
  cursors: Map<number, number>;
  rested: number;
  /** What happened before the first look is told, too. */
  fromStart: boolean;
  looked: boolean;
  /** Since when nobody works on it. */
  silentSince?: number | undefined;
}

/** Tells listeners what happens to jobs, wherever they run, by asking for it again and again. */
export class Follower {
  readonly #records: Records;
  readonly #list: JobList;
  readonly #log: Log;
  readonly #every: number;
  readonly #lostAfter: number;
  readonly #hub = new EventHub();
  readonly #watched = new Map<string, Watched>();
  /** Listeners to one job, by its id, and to all, under ''. */
  readonly #wanted = new Map<string, number>();
  readonly #own = new Set<string>();
  #running: Promise<void> | undefined;
  #listedAt = 0;
  #closed = false;

  /** @param pace milliseconds between looks, and until a job that nobody works on is given up */
  constructor(records: Records, list: JobList, log: Log, pace: { poll: number; lostAfter: number }) {
    this.#records = records;
    this.#list = list;
    this.#log = log;
    this.#every = pace.poll;
    this.#lostAfter = pace.lostAfter;
  }

  /** Of a job that this process has just started, all is told from the start. */
  started(id: string): void {
    this.#own.add(id);
    if (this.#wanted.has('')) this.#watch(id);
    // Nobody listens from the start to what started long ago.
    if (this.#own.size > 1000) this.#own.delete(this.#own.values().next().value!);
  }

  listen(options: { id?: string; signal?: AbortSignal }): Listener {
    const listener = this.#hub.listen(options);
    const key = options.id ?? '';
    this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1);
    listener.whenEnded(() => {
      const left = this.#wanted.get(key)! - 1;
      if (left > 0) this.#wanted.set(key, left);
      else this.#wanted.delete(key);
    });
    if (options.id !== undefined) this.#watch(options.id);
    this.#listedAt = 0;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hub.close();
    await this.#running?.catch(() => undefined);
  }

  #watch(id: string): void {
    if (this.#watched.has(id)) return;
    const fromStart = this.#own.delete(id);
    this.#watched.set(id, {
      ...{ status: fromStart ? 'STARTED' : '', progress: '', cursors: new Map(), rested: 0 },
      ...{ fromStart, looked: false },
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#wanted.size > 0) {
      try {
        if (this.#wanted.has('') && Date.now() - this.#listedAt > LIST_MS) {
          for (const { id } of await this.#list.open()) this.#watch(id);
          this.#listedAt = Date.now();
        }
        const ids = [...this.#watched.keys()];
        for (let i = 0; i < ids.length; i += AT_ONCE) {
          await Promise.all(ids.slice(i, i + AT_ONCE).map((id) => this.#look(id)));
        }
      } catch (error) {
        // What can't be asked now is asked again later.
        this.#log.warn({ error: String(error) }, 'Temporal could not be asked for jobs');
      }
      await sleep(this.#every);
    }
    this.#watched.clear();
  }

  async #look(id: string): Promise<void> {
    const watched = this.#watched.get(id)!;
    const first = !watched.looked;
    let record: JobRecord;
    try {
      record = await this.#seen(id, watched);
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
      this.#forget(id);
      return;
    }
    const { status, progress, error } = record;
    if (first && isFinal(status) && !watched.fromStart) {
      this.#forget(id);
      return;
    }
    const at = Date.now();
    const text = JSON.stringify(progress);
    // One that ended between two looks did not do so without having run.
    const ran = isFinal(status) && watched.status === 'STARTED' && progress.planned;
    const now = ran ? 'TRANSFERRING' : status;
    if (now !== watched.status && !isFinal(now)) this.#hub.emit({ type: 'status', id, at, status: now });
    if (text !== watched.progress) this.#hub.emit({ type: 'progress', id, at, progress });
    if (isFinal(status)) this.#hub.emit({ type: 'status', id, at, status, error });
    watched.status = status;
    watched.progress = text;
    watched.silentSince = record.interrupted ? (watched.silentSince ?? at) : undefined;
    const silent = at - (watched.silentSince ?? at) > this.#lostAfter;
    if (isFinal(status) || (silent && !this.#wanted.has(''))) this.#forget(id);
  }

  #forget(id: string): void {
    this.#watched.delete(id);
    this.#hub.end(id);
  }

  /** How a job is, once the events of its parts since the last look are told. */
  async #seen(id: string, watched: Watched): Promise<JobRecord> {
    const { record, view, pages } = await this.#records.live(id, watched.rested, watched.cursors);
    // One that has ended can still be asked, for as long as there are workers.
    const last =
      view ?? (watched.looked || watched.fromStart ? await this.#records.ask(id, watched.rested) : undefined);
    const rested = (last?.rested.pages ?? []).slice(-MOST_PAGES);
    const more = await Promise.all(
      [...new Set(rested)]
        .filter((page) => !pages.has(page))
        .map(
          async (page) => [page, await this.#records.askPage(id, page, watched.cursors.get(page))] as const,
        ),
    );
    if (last) {
      watched.rested = last.rested.from + last.rested.pages.length;
      const tell = watched.looked || watched.fromStart;
      for (const [page, there] of [...pages, ...more])
        if (there) this.#tellParts(id, page, there, watched, tell);
      watched.looked = true;
    }
    return record;
  }

  #tellParts(id: string, page: number, { events, next }: PageView, watched: Watched, tell: boolean): void {
    const from = watched.cursors.get(page) ?? 0;
    watched.cursors.set(page, next);
    if (!tell) return;
    for (const event of events.slice(Math.max(0, events.length - (next - from)))) {
      const { at, part, label, status, error } = event;
      const told: JobEvent = { type: 'part', id, at, part, label, status };
      this.#hub.emit(error ? { ...told, error } : told);
    }
  }
}
