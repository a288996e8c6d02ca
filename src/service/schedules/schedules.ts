import { setTimeout as sleep } from 'node:timers/promises';
import type { Cron } from 'croner';
import type { Connections } from '../../base/connections.ts';
import { isError, SluiceError, toSluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import type { Engine } from '../../jobs/engine.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import { openLake } from '../../tables/lake.ts';
import { clockOf } from './clock.ts';
import type { Notifier } from './notify.ts';
import { specOfRun } from './spec.ts';
import type { ScheduleStore } from './store.ts';

export interface SchedulesOptions {
  entries: readonly ScheduleSettings[];
  store: ScheduleStore;
  engine: Engine;
  connections: Connections;
  notifier: Notifier;
  log: Log;
  start(kind: string, spec: Json, id: string): Promise<JobRecord>;
}

/** A schedule as the API shows it. Times are milliseconds since 1970. */
export interface ScheduleState {
  name: string;
  cron?: string | undefined;
  timezone?: string | undefined;
  on?: ScheduleSettings['on'] | undefined;
  job: ScheduleSettings['job'];
  paused: boolean;
  next?: number | undefined;
  last?: { at: number; job: string; status: string };
  failures: number;
}

/** The longest that a timer of Node.js can wait. */
const LONGEST_WAIT = 2 ** 31 - 1;
const DEFAULT_POLL = 60;
const LONGEST_BACKOFF_MS = 3_600_000;
/** Between looks at a job that this process does not run. */
const LOOK_MS = 2000;

/**
 * Starts jobs at their times and when branches move. Of one schedule there is one job at a time; a time that comes while
 * it runs is left out. Several processes may share the state: each due time is taken by one of them.
 */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #stop = new AbortController();
  readonly #known = new Set<string>();
  readonly #crons = new Map<string, Cron>();
  readonly #pauses = new Map<string, AbortController>();
  /** Woken while they were at work. */
  readonly #woken = new Set<string>();
  readonly #work = new Set<Promise<void>>();

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** @throws SluiceError BAD_CONFIG for a pattern, time zone or name that can't be used */
  async start(): Promise<void> {
    for (const entry of this.#options.entries) {
      const { name } = entry;
      if (this.#known.has(name)) throw new SluiceError('BAD_CONFIG', `There are two schedules "${name}".`);
      this.#known.add(name);
      const clock = await clockOf(entry);
      if (clock) this.#crons.set(name, clock);
    }
    for (const entry of this.#options.entries) {
      if (entry.enabled === false) continue;
      const { job, status } = this.#options.store.row(entry.name);
      if (job && status && !isFinal(status)) this.#spawn(entry.name, this.#watch(entry, job, undefined));
      this.#spawn(
        entry.name,
        entry.cron === undefined ? this.#followBranch(entry) : this.#followClock(entry),
      );
    }
  }

  list(): ScheduleState[] {
    return this.#options.entries.map((entry) => {
      const { name, cron, timezone, on, job } = entry;
      const row = this.#options.store.row(name);
      const paused = row.paused || entry.enabled === false;
      return {
        name,
        cron,
        timezone,
        on,
        job,
        paused,
        next: paused || cron === undefined ? undefined : this.#next(name),
        ...(row.job && row.runAt ? { last: { at: row.runAt, job: row.job, status: row.status! } } : {}),
        failures: row.failures,
      };
    });
  }

  /** Runs a schedule at once. @throws SluiceError NOT_FOUND, CONFLICT (it runs already) */
  async runNow(name: string): Promise<JobRecord> {
    const entry = this.#named(name);
    const job = await this.#run(entry, undefined);
    if (job) return job;
    throw new SluiceError('CONFLICT', `The schedule "${name}" runs already; see its job.`);
  }

  /** A paused schedule starts nothing by itself. @throws SluiceError NOT_FOUND */
  pause(name: string, paused: boolean): void {
    this.#named(name);
    this.#options.store.row(name);
    this.#options.store.pause(name, paused);
    this.#wake(name);
  }

  /** Someone said that a branch has moved: those that wait for it look now. */
  moved(repository: string, branch: string): void {
    for (const { name, on } of this.#options.entries) {
      if (on?.repository === repository && on.branch === branch) this.#wake(name);
    }
  }

  /** Jobs that run are left to the engine. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#work);
  }

  #named(name: string): ScheduleSettings {
    const entry = this.#options.entries.find((each) => each.name === name);
    if (entry) return entry;
    throw new SluiceError('NOT_FOUND', `There is no schedule "${name}" in the configuration.`);
  }

  #next(name: string, after = new Date()): number | undefined {
    return this.#crons.get(name)?.nextRun(after)?.getTime();
  }

  #spawn(name: string, work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        this.#options.log.error(
          { schedule: name, error: toSluiceError(error).message },
          'a schedule stopped',
        );
      })
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  async #followClock(entry: ScheduleSettings): Promise<void> {
    const { store } = this.#options;
    const { name, jitter = 0, catch_up = 'skip' } = entry;
    const { dueAt, knownSince } = store.row(name);
    const missed = this.#next(name, new Date(Math.max(dueAt ?? 0, knownSince)));
    if (catch_up === 'once' && missed !== undefined && missed <= Date.now()) {
      await this.#due(entry, Date.now());
    }
    while (!this.#stop.signal.aborted) {
      const due = this.#next(name);
      if (due === undefined) return;
      const at = due + Math.random() * jitter * 1000;
      while (at > Date.now() && !this.#stop.signal.aborted) await this.#pause(name, at - Date.now());
      if (!this.#stop.signal.aborted) await this.#due(entry, due);
    }
  }

  async #due(entry: ScheduleSettings, due: number): Promise<void> {
    const { store, log } = this.#options;
    if (store.row(entry.name).paused || !store.claim(entry.name, due)) return;
    try {
      const job = await this.#run(entry, undefined);
      if (!job) log.warn({ schedule: entry.name }, 'still running; this time is left out');
    } catch (error) {
      log.error(
        { schedule: entry.name, error: toSluiceError(error).message },
        'a scheduled job did not start',
      );
    }
  }

  async #followBranch(entry: ScheduleSettings): Promise<void> {
    const { store, log } = this.#options;
    const { name } = entry;
    const { repository, branch, poll = DEFAULT_POLL } = entry.on!;
    while (!this.#stop.signal.aborted) {
      try {
        const row = store.row(name);
        const backoff = Math.min(LONGEST_BACKOFF_MS, poll * 1000 * 2 ** row.failures);
        const mayTry = row.failures === 0 || Date.now() >= (row.runAt ?? 0) + backoff;
        if (!row.paused && mayTry) {
          const commit = await this.#head(repository, branch, entry);
          if (commit !== row.commit) await this.#run(entry, commit);
        }
      } catch (error) {
        log.warn({ schedule: name, error: toSluiceError(error).message }, 'a branch cannot be looked at');
      }
      await this.#pause(name, poll * 1000);
    }
  }

  async #head(repository: string, branch: string, entry: ScheduleSettings): Promise<string> {
    const { connections } = this.#options;
    const named = (entry.job.spec as { lakeConnection?: unknown }).lakeConnection;
    const lake = openLake(
      typeof named === 'string'
        ? connections.named(named)
        : connections.forUri(`lakefs://${repository}/${branch}`),
    );
    try {
      return (await lake.commit(repository, branch)).id;
    } finally {
      await lake.close();
    }
  }

  /** @returns undefined when its job still runs */
  async #run(entry: ScheduleSettings, commit: string | undefined): Promise<JobRecord | undefined> {
    const { store, engine } = this.#options;
    const { name, job } = entry;
    const row = store.row(name);
    if (row.job && row.status && !isFinal(row.status)) {
      const last = await engine.get(row.job).catch((error: unknown) => {
        if (isError(error, 'NOT_FOUND')) return undefined;
        throw error;
      });
      if (last && !isFinal(last.status)) return undefined;
    }
    const now = new Date();
    const id = jobId(name, now);
    if (!store.began(name, row.job, id)) return undefined;
    try {
      const record = await this.#options.start(job.kind, specOfRun(entry, now), id);
      this.#spawn(name, this.#watch(entry, id, commit));
      return record;
    } catch (error) {
      store.ended(name, 'FAILED', undefined);
      throw error;
    }
  }

  async #watch(entry: ScheduleSettings, id: string, commit: string | undefined): Promise<void> {
    const { engine, store, notifier, log } = this.#options;
    const { signal } = this.#stop;
    let job: JobRecord | undefined;
    while (!job) {
      const seen = await engine.wait(id, signal);
      signal.throwIfAborted();
      if (isFinal(seen.status)) job = seen;
      else await sleep(LOOK_MS, undefined, { signal });
    }
    const failedBefore = store.row(entry.name).failures > 0;
    const pinned = (job.pinned as { commit?: unknown } | undefined)?.commit;
    store.ended(entry.name, job.status, typeof pinned === 'string' ? pinned : commit);
    log.info({ schedule: entry.name, job: id, status: job.status }, 'a scheduled job ended');
    const failed = job.status === 'FAILED';
    if (failed || (failedBefore && job.status === 'SUCCESS')) {
      await notifier.tell({ event: failed ? 'failure' : 'recovery', schedule: entry.name, job }, signal);
    }
    // The branch may have moved while it ran.
    if (entry.on) this.#wake(entry.name);
  }

  #wake(name: string): void {
    this.#woken.add(name);
    this.#pauses.get(name)?.abort();
  }

  /** Until the time has come, someone wakes it, or the process ends. */
  async #pause(name: string, milliseconds: number): Promise<void> {
    if (this.#woken.delete(name)) return;
    const wake = new AbortController();
    this.#pauses.set(name, wake);
    const signal = AbortSignal.any([wake.signal, this.#stop.signal]);
    await sleep(Math.max(1, Math.min(milliseconds, LONGEST_WAIT)), undefined, { signal }).catch(
      () => undefined,
    );
    this.#woken.delete(name);
  }
}

function jobId(name: string, now: Date): string {
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `schedule-${safe}-${now.toISOString().replace(/[-:.]/g, '')}`;
}
