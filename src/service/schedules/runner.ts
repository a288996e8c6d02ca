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
import type { Notifier } from '../notices/notifier.ts';
import type { RetentionReport } from '../retention/retention.ts';
import { specOfRun } from './spec.ts';
import type { RetentionResult, ScheduleStore } from './store.ts';

export interface RunnerOptions {
  store: ScheduleStore;
  engine: Engine;
  connections: Connections;
  notifier: Notifier;
  /** Deletes old exports of a schedule. @param dryRun only tells which */
  retain(entry: ScheduleSettings, dryRun: boolean, signal: AbortSignal): Promise<RetentionReport>;
  log: Log;
  /** @param editable the schedule did not come from sluice.yaml, so that `service.allow` holds for it */
  start(kind: string, spec: Json, id: string, editable: boolean): Promise<JobRecord>;
}

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
/** Deleted exports that the state of a schedule names; all of them are in the audit log. */
const NAMED = 20;
/** Between looks at a job that this process does not run. */
const LOOK_MS = 2000;

/**
 * One schedule: starts its jobs at their times or when a branch moves, one at a time; a time that comes while one runs is
 * left out.
 */
export class ScheduleRunner {
  readonly entry: ScheduleSettings;
  readonly editable: boolean;
  readonly #clock: Cron | undefined;
  readonly #options: RunnerOptions;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  /** Jobs whose ends are waited for here. */
  readonly #watched = new Set<string>();
  #pausing: AbortController | undefined;
  /** Woken while it was at work. */
  #woken = false;

  constructor(entry: ScheduleSettings, clock: Cron | undefined, editable: boolean, options: RunnerOptions) {
    this.entry = entry;
    this.editable = editable;
    this.#clock = clock;
    this.#options = options;
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
    const job = await this.#run(undefined);
    if (job) return job;
    throw new SluiceError('CONFLICT', `The schedule "${this.entry.name}" runs already; see its job.`);
  }

  /**
   * Deletes old exports as `keep` says.
   * @throws SluiceError BAD_SPEC (there is no `keep`), and what looking at the place throws
   */
  async retain(dryRun: boolean): Promise<RetentionReport> {
    const { name, keep } = this.entry;
    const { store, retain } = this.#options;
    if (!keep) throw new SluiceError('BAD_SPEC', `The schedule "${name}" has no "keep": all exports stay.`);
    const report = await retain(this.entry, dryRun, this.#stop.signal);
    if (!dryRun) {
      const { kept, deleted, failed, exports } = report;
      const gone = exports.filter(({ outcome }) => outcome === 'deleted').map(({ uri }) => uri);
      await store.retained(name, { at: Date.now(), kept, deleted, failed, gone: gone.slice(0, NAMED) });
    }
    return report;
  }

  async pause(paused: boolean): Promise<void> {
    const { store } = this.#options;
    await store.row(this.entry.name);
    await store.pause(this.entry.name, paused);
    this.wake();
  }

  /** Sees to the end of a run, whichever process began it. */
  watch(job: string): void {
    if (!this.#watched.has(job) && !this.#stop.signal.aborted) this.#spawn(this.#watch(job, undefined));
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
      const job = await this.#run(undefined);
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
          if (commit !== row.commit) await this.#run(commit);
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

  /** @returns undefined when its job still runs, or ended just now */
  async #run(commit: string | undefined): Promise<JobRecord | undefined> {
    const { store, engine } = this.#options;
    const { name, on } = this.entry;
    const row = await store.row(name);
    if (row.job && row.status && !isFinal(row.status)) {
      const last = await found(engine.get(row.job));
      if (!last || !isFinal(last.status)) return undefined;
      await this.#ended(last, undefined);
      // What follows a branch looks at it again first: this run may have been of its newest commit.
      if (on) return undefined;
    }
    const now = new Date();
    const id = jobId(name, now);
    this.#watched.add(id);
    try {
      if (!(await store.began(name, row.job, { job: id, at: now.getTime() }))) {
        this.#watched.delete(id);
        return undefined;
      }
      const record = await this.#start(id, now);
      this.#spawn(this.#watch(id, commit));
      return record;
    } catch (error) {
      this.#watched.delete(id);
      throw error;
    }
  }

  /** A run that cannot be started has failed. */
  async #start(id: string, at: Date): Promise<JobRecord> {
    const { start, store } = this.#options;
    const { job, name } = this.entry;
    try {
      return await start(job.kind, specOfRun(this.entry, at), id, this.editable);
    } catch (error) {
      // While nothing can be written down, a later look starts it.
      if (!isError(error, 'UNAVAILABLE')) await store.ended(name, id, 'FAILED', undefined);
      throw error;
    }
  }

  async #watch(id: string, commit: string | undefined): Promise<void> {
    const { engine, store } = this.#options;
    const { name } = this.entry;
    const { signal } = this.#stop;
    this.#watched.add(id);
    try {
      for (;;) {
        const seen = await found(engine.wait(id, signal));
        signal.throwIfAborted();
        if (seen && isFinal(seen.status)) return await this.#ended(seen, commit);
        await sleep(LOOK_MS, undefined, { signal });
        if (seen) continue;
        // It was written down, and its process ended before it was started.
        const row = await store.row(name);
        if (row.job !== id || !row.status || isFinal(row.status)) return;
        await this.#start(id, new Date(row.runAt!));
      }
    } finally {
      this.#watched.delete(id);
    }
  }

  /** Notes how a run ended, and tells of it, unless another process did. */
  async #ended(job: JobRecord, commit: string | undefined): Promise<void> {
    const { store, notifier, log } = this.#options;
    const { name, on } = this.entry;
    const failedBefore = (await store.row(name)).failures > 0;
    const pinned = (job.pinned as { commit?: unknown } | undefined)?.commit;
    const exported = typeof pinned === 'string' ? pinned : commit;
    if (await store.ended(name, job.id, job.status, exported)) {
      log.info({ schedule: name, job: job.id, status: job.status }, 'a scheduled job ended');
      const failed = job.status === 'FAILED';
      if (failed || (failedBefore && job.status === 'SUCCESS')) {
        const notice = { event: failed ? 'failure' : 'recovery', about: name, schedule: name, job } as const;
        await notifier.tell(notice, this.#stop.signal);
      }
      if (job.status === 'SUCCESS' && this.entry.keep) await this.#retainAfterRun();
    }
    // The branch may have moved while it ran.
    if (on) this.wake();
  }

  async #retainAfterRun(): Promise<void> {
    const { store, log } = this.#options;
    const { name } = this.entry;
    try {
      const { kept, deleted, failed } = await this.retain(false);
      log.info({ schedule: name, kept, deleted, failed }, 'old exports were looked at');
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { message } = toSluiceError(error);
      log.error({ schedule: name, error: message }, 'old exports cannot be deleted');
      const none = { kept: 0, deleted: 0, failed: 0, gone: [] };
      await store.retained(name, { at: Date.now(), ...none, error: message });
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

/** Undefined for a job that is not there. */
async function found(job: Promise<JobRecord>): Promise<JobRecord | undefined> {
  try {
    return await job;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function jobId(name: string, now: Date): string {
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `schedule-${safe}-${now.toISOString().replace(/[-:.]/g, '')}`;
}
