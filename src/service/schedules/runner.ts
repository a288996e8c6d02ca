import { setTimeout as sleep } from 'node:timers/promises';
import type { Cron } from 'croner';
import { SluiceError, toSluiceError } from '../../base/errors.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { openLake } from '../../tables/lake.ts';
import type { RetentionReport } from '../retention/retention.ts';
import { type RunOptions, ScheduleRuns } from './runs.ts';
import type { RetentionResult } from './store.ts';

/** A schedule as the API shows it. Times are milliseconds since 1970. */
export interface ScheduleState
  extends Pick<
    ScheduleSettings,
    'name' | 'cron' | 'timezone' | 'jitter' | 'catch_up' | 'on' | 'keep' | 'job'
  > {
  /** It was made by the API or the page, and can be changed there. */
  editable: boolean;
  paused: boolean;
  next?: number | undefined;
  last?: { at: number; job: string; status: string };
  failures: number;
  /** What became of old exports when they were last looked at. */
  retention?: RetentionResult | undefined;
}

/** The longest that a timer of Node.js can wait. */
const LONGEST_WAIT = 2 ** 31 - 1;
const DEFAULT_POLL = 60;
const LONGEST_BACKOFF_MS = 3_600_000;

/**
 * One schedule: starts its jobs at their times or when a branch moves, one at a time; a time that comes while one runs is
 * left out.
 */
export class ScheduleRunner {
  readonly entry: ScheduleSettings;
  readonly editable: boolean;
  readonly #clock: Cron | undefined;
  readonly #options: RunOptions;
  readonly #runs: ScheduleRuns;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #pausing: AbortController | undefined;
  /** Woken while it was at work. */
  #woken = false;

  constructor(entry: ScheduleSettings, clock: Cron | undefined, editable: boolean, options: RunOptions) {
    this.entry = entry;
    this.editable = editable;
    this.#clock = clock;
    this.#options = options;
    this.#runs = new ScheduleRuns(entry, editable, options, {
      signal: this.#stop.signal,
      spawn: (work) => this.#spawn(work),
      // The branch may have moved while it ran.
      ended: () => entry.on && this.wake(),
    });
  }

  async start(): Promise<void> {
    const { entry } = this;
    if (entry.enabled === false) return;
    await this.#options.store.row(entry.name);
    this.#spawn(this.#clock ? this.#followClock() : this.#followBranch());
  }

  async state(): Promise<ScheduleState> {
    const { editable } = this;
    const { name, cron, timezone, jitter, catch_up, on, keep, job, enabled } = this.entry;
    const row = await this.#options.store.row(name);
    const paused = row.paused || enabled === false;
    return {
      ...{ name, cron, timezone, jitter, catch_up, on, keep, job, editable, paused },
      next: paused ? undefined : this.#next(),
      ...(row.job && row.runAt ? { last: { at: row.runAt, job: row.job, status: row.status! } } : {}),
      failures: row.failures,
      retention: keep && (await this.#options.store.retention(name)),
    };
  }

  /** @throws SluiceError CONFLICT (it runs already) */
  async runNow(): Promise<JobRecord> {
    const job = await this.#runs.begin(undefined);
    if (job) return job;
    throw new SluiceError('CONFLICT', `The schedule "${this.entry.name}" runs already; see its job.`);
  }

  /**
   * Deletes old exports as `keep` says.
   * @throws SluiceError BAD_SPEC (there is no `keep`), and what looking at the place throws
   */
  retain(dryRun: boolean): Promise<RetentionReport> {
    return this.#runs.retain(dryRun);
  }

  /** Sees to the end of a run, whichever process began it. */
  watch(job: string): void {
    this.#runs.watch(job);
  }

  async pause(paused: boolean): Promise<void> {
    const { store } = this.#options;
    await store.row(this.entry.name);
    await store.pause(this.entry.name, paused);
    this.wake();
  }

  /** Looks now at what it waits for. */
  wake(): void {
    this.#woken = true;
    this.#pausing?.abort();
  }

  /** A job that runs is left to the engine. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#work);
  }

  #next(after = new Date()): number | undefined {
    return this.#clock?.nextRun(after)?.getTime();
  }

  #spawn(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        const { message } = toSluiceError(error);
        this.#options.log.error({ schedule: this.entry.name, error: message }, 'a schedule stopped');
      })
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  async #followClock(): Promise<void> {
    const { name, jitter = 0, catch_up = 'skip' } = this.entry;
    if (catch_up === 'once' && (await this.#missed(name))) await this.#due(Date.now());
    while (!this.#stop.signal.aborted) {
      const due = this.#next();
      if (due === undefined) return;
      const at = due + Math.random() * jitter * 1000;
      while (at > Date.now() && !this.#stop.signal.aborted) await this.#wait(at - Date.now());
      if (!this.#stop.signal.aborted) await this.#due(due);
    }
  }

  /** Whether it was due while no process was there. */
  async #missed(name: string): Promise<boolean> {
    const { dueAt, knownSince } = await this.#options.store.row(name);
    const missed = this.#next(new Date(Math.max(dueAt ?? 0, knownSince)));
    return missed !== undefined && missed <= Date.now();
  }

  async #due(due: number): Promise<void> {
    const { store, log } = this.#options;
    const { name } = this.entry;
    try {
      if ((await store.row(name)).paused || !(await store.claim(name, due))) return;
      const job = await this.#runs.begin(undefined);
      if (!job) log.warn({ schedule: name }, 'still running; this time is left out');
    } catch (error) {
      log.error({ schedule: name, error: toSluiceError(error).message }, 'a scheduled job did not start');
    }
  }

  async #followBranch(): Promise<void> {
    const { store, log } = this.#options;
    const { name } = this.entry;
    const { repository, branch, poll = DEFAULT_POLL } = this.entry.on!;
    while (!this.#stop.signal.aborted) {
      try {
        const row = await store.row(name);
        const backoff = Math.min(LONGEST_BACKOFF_MS, poll * 1000 * 2 ** row.failures);
        const mayTry = row.failures === 0 || Date.now() >= (row.runAt ?? 0) + backoff;
        if (!row.paused && mayTry) {
          const commit = await this.#head(repository, branch);
          if (commit !== row.commit) await this.#runs.begin(commit);
        }
      } catch (error) {
        log.warn({ schedule: name, error: toSluiceError(error).message }, 'a branch cannot be looked at');
      }
      await this.#wait(poll * 1000);
    }
  }

  async #head(repository: string, branch: string): Promise<string> {
    const { connections } = this.#options;
    const named = (this.entry.job.spec as { lakeConnection?: unknown }).lakeConnection;
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

  /** Until the time has come, someone wakes it, or it is closed. */
  async #wait(milliseconds: number): Promise<void> {
    if (!this.#woken) {
      this.#pausing = new AbortController();
      const signal = AbortSignal.any([this.#pausing.signal, this.#stop.signal]);
      await sleep(Math.max(1, Math.min(milliseconds, LONGEST_WAIT)), undefined, { signal }).catch(
        () => undefined,
      );
    }
    this.#woken = false;
  }
}
