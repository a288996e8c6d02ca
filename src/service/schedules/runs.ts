import { setTimeout as sleep } from 'node:timers/promises';
import type { Connections } from '../../base/connections.ts';
import { isError, SluiceError, toSluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import type { Engine } from '../../jobs/engine.ts';
import { found } from '../../jobs/found.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import type { Notifier } from '../notices/notifier.ts';
import type { RetentionReport } from '../retention/retention.ts';
import { specOfRun } from './spec.ts';
import type { ScheduleStore } from './store.ts';

export interface RunOptions {
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

/** What the runs of a schedule are a part of. */
export interface Background {
  /** Fired when the schedule is closed; its jobs are left to the engine. */
  signal: AbortSignal;
  /** Goes on with something until then. */
  spawn(work: Promise<void>): void;
  /** A run has ended. */
  ended(): void;
}

/** Deleted exports that the state of a schedule names; all of them are in the audit log. */
const NAMED = 20;
/** Between looks at a job that this process does not run. */
const LOOK_MS = 2000;

/** The jobs of one schedule, one at a time: begins them, and sees to what follows their ends. */
export class ScheduleRuns {
  readonly #entry: ScheduleSettings;
  readonly #editable: boolean;
  readonly #options: RunOptions;
  readonly #background: Background;
  /** Jobs whose ends are waited for here. */
  readonly #watched = new Set<string>();

  constructor(entry: ScheduleSettings, editable: boolean, options: RunOptions, background: Background) {
    this.#entry = entry;
    this.#editable = editable;
    this.#options = options;
    this.#background = background;
  }

  /** @returns undefined when its job still runs, or ended just now */
  async begin(commit: string | undefined): Promise<JobRecord | undefined> {
    const { store, engine } = this.#options;
    const { name, on } = this.#entry;
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
      this.#background.spawn(this.#watch(id, commit));
      return record;
    } catch (error) {
      this.#watched.delete(id);
      throw error;
    }
  }

  /** Sees to the end of a run, whichever process began it. */
  watch(job: string): void {
    if (!this.#watched.has(job) && !this.#background.signal.aborted)
      this.#background.spawn(this.#watch(job, undefined));
  }

  /**
   * Deletes old exports as `keep` says.
   * @throws SluiceError BAD_SPEC (there is no `keep`), and what looking at the place throws
   */
  async retain(dryRun: boolean): Promise<RetentionReport> {
    const { name, keep } = this.#entry;
    const { store, retain } = this.#options;
    if (!keep) throw new SluiceError('BAD_SPEC', `The schedule "${name}" has no "keep": all exports stay.`);
    const report = await retain(this.#entry, dryRun, this.#background.signal);
    if (!dryRun) {
      const { kept, deleted, failed, exports } = report;
      const gone = exports.filter(({ outcome }) => outcome === 'deleted').map(({ uri }) => uri);
      await store.retained(name, { at: Date.now(), kept, deleted, failed, gone: gone.slice(0, NAMED) });
    }
    return report;
  }

  /** A run that cannot be started has failed. */
  async #start(id: string, at: Date): Promise<JobRecord> {
    const { start, store } = this.#options;
    const { job, name } = this.#entry;
    try {
      return await start(job.kind, specOfRun(this.#entry, at), id, this.#editable);
    } catch (error) {
      // While nothing can be written down, a later look starts it.
      if (!isError(error, 'UNAVAILABLE')) await store.ended(name, id, 'FAILED', undefined);
      throw error;
    }
  }

  async #watch(id: string, commit: string | undefined): Promise<void> {
    const { engine, store } = this.#options;
    const { name } = this.#entry;
    const { signal } = this.#background;
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
    const { name } = this.#entry;
    const failedBefore = (await store.row(name)).failures > 0;
    const pinned = (job.pinned as { commit?: unknown } | undefined)?.commit;
    const exported = typeof pinned === 'string' ? pinned : commit;
    if (await store.ended(name, job.id, job.status, exported)) {
      log.info({ schedule: name, job: job.id, status: job.status }, 'a scheduled job ended');
      const failed = job.status === 'FAILED';
      if (failed || (failedBefore && job.status === 'SUCCESS')) {
        const notice = { event: failed ? 'failure' : 'recovery', about: name, schedule: name, job } as const;
        await notifier.tell(notice, this.#background.signal);
      }
      if (job.status === 'SUCCESS' && this.#entry.keep) await this.#retainAfterRun();
    }
    this.#background.ended();
  }

  async #retainAfterRun(): Promise<void> {
    const { store, log } = this.#options;
    const { name } = this.#entry;
    try {
      const { kept, deleted, failed } = await this.retain(false);
      log.info({ schedule: name, kept, deleted, failed }, 'old exports were looked at');
    } catch (error) {
      if (this.#background.signal.aborted) return;
      const { message } = toSluiceError(error);
      log.error({ schedule: name, error: message }, 'old exports cannot be deleted');
      const none = { kept: 0, deleted: 0, failed: 0, gone: [] };
      await store.retained(name, { at: Date.now(), ...none, error: message });
    }
  }
}

function jobId(name: string, now: Date): string {
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `schedule-${safe}-${now.toISOString().replace(/[-:.]/g, '')}`;
}
