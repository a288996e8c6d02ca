import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../../../base/errors.ts';
import { canonicalJson, type Json } from '../../../base/json.ts';
import { Limiter } from '../../../base/limiter.ts';
import type { RetryPolicy } from '../../../stores/retry.ts';
import type { Engine, JobEvent, JobFilter, JobPage } from '../../engine.ts';
import { DEFAULT_PART_RETRY, type Environment } from '../../environment.ts';
import { EventHub } from '../../events.ts';
import { checkJobId, newJobId } from '../../ids.ts';
import { isFinal, type JobRecord, type PartStatus } from '../../job.ts';
import type { Kind } from '../../kind.ts';
import type { PartRecord } from '../../part.ts';
import { Database } from './database.ts';
import { JobTable, type StoredJob } from './jobs.ts';
import { Onlooker } from './onlooker.ts';
import { Owner } from './owners.ts';
import { PartTable } from './parts.ts';
import { JobRun } from './run.ts';

const TICK_MS = 250;
const HEARTBEAT_MS = 2000;
/** How often jobs of other processes are looked at. */
const POLL_MS = 250;

export interface LocalEngineOptions {
  environment: Environment;
  /** Where the state lies; made when it is not there. */
  stateFolder: string;
  /** Parts of one job that run at once. */
  partsAtOnce?: number;
  /** Jobs that run at once; further ones wait as STARTED. */
  jobsAtOnce?: number;
  retry?: RetryPolicy;
}

/**
 * Runs jobs in this process, with their state in SQLite. Any number of processes may share a state folder:
 * each job is run by one of them, and the others see it, can wait for it and cancel it, and go on with it
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
  readonly #turns: Limiter;
  #ticker: NodeJS.Timeout | undefined;
  #beatAt = 0;
  #closed = false;

  /** @throws SluiceError ACCESS_DENIED, NO_SPACE, CORRUPT, CONFLICT: the state folder can't be used */
  constructor(options: LocalEngineOptions) {
    this.#options = { partsAtOnce: 8, jobsAtOnce: 8, retry: DEFAULT_PART_RETRY, ...options };
    this.#turns = new Limiter(this.#options.jobsAtOnce);
    this.#db = new Database(options.stateFolder);
    this.#jobs = new JobTable(this.#db);
    this.#parts = new PartTable(this.#db);
    this.#owner = new Owner(this.#db);
  }

  async submit(kindName: string, asked: Json, options: { id?: string } = {}): Promise<JobRecord> {
    checkJobId(options.id);
    const kind = await this.#options.environment.kinds.get(kindName);
    const spec = kind.parse(asked);
    this.#refuseWhenClosed();
    const id = options.id ?? this.#interruptedLike(kindName, spec) ?? newJobId();
    this.#owner.register();
    const there = this.#db.transaction(() => {
      const job = this.#jobs.find(id);
      if (!job) this.#jobs.add({ id, kind: kindName, spec, owner: this.#owner.id });
      return job;
    });
    if (!there) return this.#start(kind, this.#jobs.get(id));
    if (there.record.kind !== kindName || canonicalJson(there.record.spec) !== canonicalJson(spec)) {
      throw new SluiceError(
        'ALREADY_EXISTS',
        `There is a job "${id}" already, of kind ${there.record.kind} and with another spec. Give another id, or none.`,
      );
    }
    const record = this.#record(there);
    return record.interrupted ? this.#goOn(there) : record;
  }

  #interruptedLike(kind: string, spec: Json): string | undefined {
    const text = canonicalJson(spec);
    return this.#jobs
      .unfinished(kind)
      .map((job) => this.#record(job))
      .find((job) => job.interrupted && canonicalJson(job.spec) === text)?.id;
  }

  async get(id: string): Promise<JobRecord> {
    return this.#record(this.#jobs.get(id));
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const limit = filter.limit ?? 100;
    const found = this.#jobs.list(filter, limit + 1);
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
    return this.#parts.list(this.#jobs.get(id).seq, { ...filter, limit: filter.limit ?? 100 });
  }

  async wait(id: string, signal?: AbortSignal): Promise<JobRecord> {
    for (;;) {
      const run = this.#runs.get(id);
      if (run) await Promise.race([this.#ended(run), signalled(signal)]);
      const record = this.#record(this.#jobs.get(id));
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
    const job = this.#jobs.get(id);
    const { status } = job.record;
    if (isFinal(status)) {
      throw new SluiceError(
        'CONFLICT',
        `Job ${id} has ended already (${status}); there is nothing to cancel.`,
      );
    }
    this.#jobs.requestCancel(job.seq);
    const run = this.#runs.get(id);
    if (run) run.cancel();
    else if (this.#record(job).interrupted) await this.#goOn({ ...job, cancel: true });
  }

  async resume(id: string): Promise<JobRecord> {
    const job = this.#jobs.get(id);
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
    if (options.id !== undefined) {
      const job = this.#jobs.find(options.id);
      if (!job || isFinal(job.record.status)) listener.end();
    }
    const onlooker = new Onlooker(listener, {
      jobs: this.#jobs,
      parts: this.#parts,
      owner: this.#owner,
      id: options.id,
    });
    onlooker.start(POLL_MS);
    return listener;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const run of this.#runs.values()) run.close();
    await Promise.allSettled([...this.#runs.values()].map((run) => run.done));
    clearInterval(this.#ticker);
    this.#events.close();
    this.#owner.close();
    this.#db.close();
  }

  /** Takes over a job that nobody runs. */
  async #goOn(job: StoredJob): Promise<JobRecord> {
    this.#refuseWhenClosed();
    const kind = await this.#options.environment.kinds.get(job.record.kind);
    this.#owner.register();
    this.#db.transaction(() => {
      if (!this.#jobs.takeOver(job, this.#owner.id)) {
        throw new SluiceError('CONFLICT', `Job ${job.record.id} was just taken over by another process.`);
      }
      this.#jobs.change(job.seq, this.#owner.id, {
        status: 'STARTED',
        attempts: job.record.attempts + 1,
        completedAt: null,
        error: null,
        live: {},
        cancel: job.cancel,
      });
    });
    return this.#start(kind, this.#jobs.get(job.record.id));
  }

  #start(kind: Kind, job: StoredJob): JobRecord {
    const { id } = job.record;
    const turn = this.#turns.acquire();
    const run = new JobRun(
      kind,
      job,
      {
        tables: { db: this.#db, jobs: this.#jobs, parts: this.#parts },
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
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
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

  #tick(): void {
    for (const run of this.#runs.values()) run.tick();
    try {
      for (const id of this.#jobs.cancelRequests(this.#owner.id)) this.#runs.get(id)?.cancel();
      if (Date.now() - this.#beatAt < HEARTBEAT_MS) return;
      this.#beatAt = Date.now();
      this.#owner.beat();
    } catch (error) {
      // Whether jobs can go on without the database is decided where they write to it.
      this.#options.environment.log.warn({ error: String(error) }, 'the state file could not be used');
    }
  }

  #record(job: StoredJob): JobRecord {
    const run = this.#runs.get(job.record.id);
    if (run && !isFinal(job.record.status)) return { ...job.record, progress: run.progress() };
    const gone = job.owner === this.#owner.id ? run === undefined : !this.#owner.lives(job.owner);
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
