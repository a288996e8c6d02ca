import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../../../base/errors.ts';
import { canonicalJson, type Json } from '../../../base/json.ts';
import { Limiter } from '../../../base/limiter.ts';
import type { RetryPolicy } from '../../../stores/retry.ts';
import type { Engine, JobEvent, JobFilter, JobPage, PruneRule } from '../../engine.ts';
import { DEFAULT_PART_RETRY, type Environment } from '../../environment.ts';
import { EventHub, type Listener } from '../../events.ts';
import { checkJobId, newJobId } from '../../ids.ts';
import { isFinal, type JobRecord, type PartStatus } from '../../job.ts';
import type { Kind } from '../../kind.ts';
import type { PartRecord } from '../../part.ts';
import { openDatabase } from '../../state/open.ts';
import type { Database } from '../../state/sql.ts';
import { JobTable, type StoredJob } from './jobs.ts';
import { Onlooker } from './onlooker.ts';
import { Owner } from './owners.ts';
import { PartTable } from './parts.ts';
import { JobRun } from './run.ts';
import { jobsSchema } from './schema.ts';

/** Jobs, and parts of one, that are forgotten at once. */
const PRUNED_AT_ONCE = 100;
const PARTS_AT_ONCE = 2000;
const TICK_MS = 250;
const HEARTBEAT_MS = 2000;
/** How often jobs of other processes are looked at. */
const POLL_MS = 250;

export interface LocalEngineOptions {
  environment: Environment;
  /** A folder, made when it is not there, or the postgres:// address of a database. */
  state: string;
  /** Parts of one job that run at once. */
  partsAtOnce?: number;
  /** Jobs that run at once; further ones wait as STARTED. */
  jobsAtOnce?: number;
  retry?: RetryPolicy;
}

/**
 * Runs jobs in this process, with their state in SQLite or PostgreSQL. Any number of processes may share a state, with
 * PostgreSQL also from many machines: each job is run by one of them, and the others see it, can wait for it and cancel it, and go on with it
 * when its process dies.
 */
export class LocalEngine implements Engine {
  readonly #options: Required<LocalEngineOptions>;
  readonly #db: Database;
  readonly #jobs: JobTable;
  readonly #parts: PartTable;
  readonly #owner: Owner;
  readonly #events = new EventHub();
  readonly #runs = new Map<string, JobRun>();
  /** Jobs that become this engine's own just now. */
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #turns: Limiter;
  #ticker: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #beatAt = 0;
  #closed = false;

  private constructor(options: LocalEngineOptions, db: Database) {
    this.#options = { partsAtOnce: 8, jobsAtOnce: 8, retry: DEFAULT_PART_RETRY, ...options };
    this.#turns = new Limiter(this.#options.jobsAtOnce);
    this.#db = db;
    this.#jobs = new JobTable(this.#db);
    this.#parts = new PartTable(this.#db);
    this.#owner = new Owner(this.#db);
  }

  /** @throws SluiceError ACCESS_DENIED, NO_SPACE, CORRUPT, CONFLICT, UNAVAILABLE: the state can't be used */
  static async open(options: LocalEngineOptions): Promise<LocalEngine> {
    return new LocalEngine(options, await openDatabase(options.state, jobsSchema));
  }

  async submit(kindName: string, asked: Json, options: { id?: string } = {}): Promise<JobRecord> {
    checkJobId(options.id);
    const kind = await this.#options.environment.kinds.get(kindName);
    const spec = kind.parse(asked);
    this.#refuseWhenClosed();
    const id = options.id ?? (await this.#interruptedLike(kindName, spec)) ?? newJobId();
    const added = await this.#own(id, kind, () =>
      this.#jobs.add({ id, kind: kindName, spec, owner: this.#owner.id }),
    );
    if (added) return added;
    const there = await this.#jobs.get(id);
    if (there.record.kind !== kindName || canonicalJson(there.record.spec) !== canonicalJson(spec)) {
      throw new SluiceError(
        'ALREADY_EXISTS',
        `There is a job "${id}" already, of kind ${there.record.kind} and with another spec. Give another id, or none.`,
      );
    }
    const record = this.#record(there);
    return record.interrupted ? this.#goOn(there) : record;
  }

  async #interruptedLike(kind: string, spec: Json): Promise<string | undefined> {
    const text = canonicalJson(spec);
    return (await this.#jobs.unfinished(kind))
      .map((job) => this.#record(job))
      .find((job) => job.interrupted && canonicalJson(job.spec) === text)?.id;
  }

  async get(id: string): Promise<JobRecord> {
    return this.#record(await this.#jobs.get(id));
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const limit = filter.limit ?? 100;
    const found = await this.#jobs.list(filter, limit + 1);
    const page = found.slice(0, limit);
    return {
      jobs: page.map((job) => this.#record(job)),
      next: found.length > limit ? String(page.at(-1)!.seq) : undefined,
    };
  }

  async parts(
    id: string,
    filter: { status?: PartStatus; search?: string; after?: string; limit?: number } = {},
  ): Promise<PartRecord[]> {
    const { seq } = await this.#jobs.get(id);
    return await this.#parts.list(seq, { ...filter, limit: filter.limit ?? 100 });
  }

  async wait(id: string, signal?: AbortSignal): Promise<JobRecord> {
    for (;;) {
      const run = this.#runs.get(id);
      if (run) await Promise.race([this.#ended(run), signalled(signal)]);
      const record = this.#record(await this.#jobs.get(id));
      if (isFinal(record.status) || record.interrupted) return record;
      if (signal?.aborted) throw new SluiceError('CANCELED', `Waiting for job ${id} was stopped.`);
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** The end of a run here; one that another process took over ends there. */
  async #ended(run: JobRun): Promise<void> {
    await run.done.catch((error) => {
      if (!isError(error, 'CONFLICT')) throw error;
    });
  }

  async cancel(id: string): Promise<void> {
    const job = await this.#jobs.get(id);
    const { status } = job.record;
    if (isFinal(status)) {
      throw new SluiceError(
        'CONFLICT',
        `Job ${id} has ended already (${status}); there is nothing to cancel.`,
      );
    }
    await this.#jobs.requestCancel(job.seq);
    const run = this.#runs.get(id);
    if (run) run.cancel();
    else if (this.#record(job).interrupted) await this.#goOn({ ...job, cancel: true });
  }

  async resume(id: string): Promise<JobRecord> {
    const job = await this.#jobs.get(id);
    const record = this.#record(job);
    if (record.status === 'SUCCESS') {
      throw new SluiceError('CONFLICT', `Job ${id} succeeded; there is nothing to resume.`);
    }
    if (!isFinal(record.status) && !record.interrupted) {
      throw new SluiceError('CONFLICT', `Job ${id} is running; there is nothing to resume.`);
    }
    return this.#goOn({ ...job, cancel: false });
  }

  events(options: { id?: string; signal?: AbortSignal } = {}): AsyncIterable<JobEvent> {
    const listener = this.#events.listen(options);
    if (options.id !== undefined) void this.#endWhenOver(options.id, listener);
    new Onlooker(listener, { db: this.#db, owner: this.#owner, id: options.id }).start(POLL_MS);
    return listener;
  }

  async #endWhenOver(id: string, listener: Listener): Promise<void> {
    // The onlooker goes on to look where the database cannot be asked.
    const job = await this.#jobs.find(id).catch(() => null);
    if (job === undefined || (job && isFinal(job.record.status))) listener.end();
  }

  async prune(rule: PruneRule): Promise<number> {
    let pruned = 0;
    for (;;) {
      const some = await this.#jobs.prunable(rule, PRUNED_AT_ONCE);
      if (some.length === 0) return pruned;
      await rule.onForget?.(some.map(({ id }) => id));
      let gone = 0;
      for (const { seq, status } of some) {
        // Nobody resumes a job that succeeded, so its parts may go some at a time, which holds up nobody.
        if (status === 'SUCCESS') {
          while ((await this.#parts.forgetSome(seq, PARTS_AT_ONCE)) === PARTS_AT_ONCE) await sleep(1);
        }
        if (await this.#jobs.forget(seq)) gone++;
      }
      pruned += gone;
      if (gone === 0) return pruned;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const run of this.#runs.values()) run.close();
    await Promise.allSettled([...this.#runs.values()].map((run) => run.done));
    clearInterval(this.#ticker);
    await this.#ticking;
    this.#events.close();
    // Without it, others see by this process's end or silence that it is gone.
    await this.#owner.close().catch(() => undefined);
    await this.#db.close();
  }

  /** Takes over a job that nobody runs. */
  async #goOn(job: StoredJob): Promise<JobRecord> {
    this.#refuseWhenClosed();
    const kind = await this.#options.environment.kinds.get(job.record.kind);
    const { id, attempts } = job.record;
    const taken = await this.#own(id, kind, () =>
      this.#db.transaction(async (sql) => {
        const jobs = new JobTable(sql);
        if (!(await jobs.takeOver(job, this.#owner.id))) return false;
        return await jobs.change(job.seq, this.#owner.id, {
          status: 'STARTED',
          attempts: attempts + 1,
          completedAt: null,
          error: null,
          live: {},
          cancel: job.cancel,
        });
      }),
    );
    if (taken) return taken;
    throw new SluiceError('CONFLICT', `Job ${id} was just taken over by another process.`);
  }

  /** Makes a job this engine's own and runs it; undefined when it is not to be had. */
  async #own(id: string, kind: Kind, take: () => Promise<boolean>): Promise<JobRecord | undefined> {
    while (this.#starting.has(id)) await this.#starting.get(id)!.catch(() => undefined);
    const starting = (async () => {
      await this.#owner.beat();
      if (!(await take())) return undefined;
      const job = await this.#jobs.get(id);
      this.#refuseWhenClosed();
      this.#starting.delete(id);
      return this.#start(kind, job);
    })();
    this.#starting.set(id, starting);
    try {
      return await starting;
    } finally {
      if (this.#starting.get(id) === starting) this.#starting.delete(id);
    }
  }

  #start(kind: Kind, job: StoredJob): JobRecord {
    const { id } = job.record;
    const turn = this.#turns.acquire();
    const run = new JobRun(
      kind,
      job,
      {
        db: this.#db,
        owner: this.#owner.id,
        environment: this.#options.environment,
        retry: this.#options.retry,
        partsAtOnce: this.#options.partsAtOnce,
        emit: (event) => this.#events.emit(event),
      },
      turn,
    );
    this.#runs.set(id, run);
    this.#events.emit({ type: 'status', id, at: Date.now(), status: 'STARTED' });
    if (job.cancel) run.cancel();
    this.#ticker ??= setInterval(() => {
      this.#ticking ??= this.#tick().finally(() => {
        this.#ticking = undefined;
      });
    }, TICK_MS);
    const over = (): void => {
      turn.then(() => this.#turns.release());
      this.#runs.delete(id);
      // A run that could not write down its end has no last event.
      this.#events.end(id);
      if (this.#runs.size > 0) return;
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    };
    run.done.then(over, over);
    return this.#record(job);
  }

  async #tick(): Promise<void> {
    try {
      if (Date.now() - this.#beatAt >= HEARTBEAT_MS) {
        await this.#owner.beat();
        this.#beatAt = Date.now();
      }
      for (const id of await this.#jobs.cancelRequests(this.#owner.id)) this.#runs.get(id)?.cancel();
    } catch (error) {
      // Whether jobs can go on without the database is decided where they write to it.
      this.#options.environment.log.warn({ error: String(error) }, 'the state could not be used');
    }
    await Promise.all([...this.#runs.values()].map((run) => run.tick()));
  }

  #record(job: StoredJob): JobRecord {
    const run = this.#runs.get(job.record.id);
    if (run && !isFinal(job.record.status)) return { ...job.record, progress: run.progress() };
    const mine = job.owner === this.#owner.id;
    const gone = mine ? !run && !this.#starting.has(job.record.id) : !this.#owner.lives(job.owner, job.seen);
    const interrupted = !isFinal(job.record.status) && gone;
    return interrupted ? { ...job.record, interrupted } : job.record;
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new SluiceError('UNAVAILABLE', 'The engine is closing and takes no more jobs.');
  }
}

function signalled(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
