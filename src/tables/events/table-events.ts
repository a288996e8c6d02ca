import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError, toSluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { Engine } from '../../jobs/engine.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import type { Sql } from '../../jobs/state/sql.ts';
import type { Lake } from '../lake.ts';
import { eventId, type LakeEvent } from './event.ts';
import { type Branch, type EventRecord, EventStore } from './event-store.ts';

export interface TableEventsOptions {
  /** Where events are kept. */
  db: Sql;
  engine: Engine;
  /** The lake of a repository. */
  lake(repository: string): Lake;
  /** Settings of the table export for a branch; undefined: this branch is not exported. */
  settings(branch: Branch): { [key: string]: Json | undefined } | undefined;
  log: Log;
  /** Milliseconds before each further attempt after a failure. */
  retryDelays?: readonly number[];
}

export type Acceptance =
  | { outcome: 'accepted' | 'duplicate'; id: string }
  | { outcome: 'ignored'; reason: string };

/** How long ended events are remembered. lakeFS does not send one again after so long. */
const KEPT = 30 * 86_400_000;
const RETRY_DELAYS = [30_000, 120_000, 600_000, 1_800_000, 3_600_000];
/** How long a branch stays one process's after it was last heard of. */
const CLAIM_MS = 15_000;
/** Between looks for events that another process accepted and left. */
const LOOK_MS = 5000;
/** Waiting events whose place in history is asked for at once. */
const ASKED_AT_ONCE = 8;

/**
 * Turns events of a lake into table exports. An event is kept on disk before it is acknowledged and is run once. Of one
 * branch there is one export at a time, always of the newest commit that waits; the others it makes superfluous. What
 * fails is tried again until it succeeds, gives up or is overtaken by a newer commit. Any number of processes may share
 * the events: one of them works on each branch, and another goes on when it dies.
 */
export class TableEvents {
  readonly #options: TableEventsOptions;
  readonly #store: EventStore;
  readonly #stop = new AbortController();
  readonly #branches = new Map<string, Promise<void>>();
  readonly #wake = new Map<string, AbortController>();
  /** This process, where it claims branches. */
  readonly #worker = randomUUID();
  #looking: NodeJS.Timeout | undefined;

  constructor(options: TableEventsOptions) {
    this.#options = options;
    this.#store = new EventStore(options.db);
  }

  /** Goes on with what an earlier process left. */
  async start(): Promise<void> {
    await this.#store.prune(Date.now() - KEPT);
    await this.#look();
    this.#looking = setInterval(() => {
      this.#look().catch((error: unknown) => {
        this.#options.log.warn({ error: toSluiceError(error).message }, 'Events cannot be looked for.');
      });
    }, LOOK_MS);
  }

  async #look(): Promise<void> {
    for (const branch of await this.#store.openBranches()) this.#kick(branch);
  }

  /** Keeps an event; it is on disk when this resolves. */
  async acceptEvent(event: LakeEvent): Promise<Acceptance> {
    const branch = { repository: event.repository_id, branch: event.branch_id };
    if (!this.#options.settings(branch)) {
      return {
        outcome: 'ignored',
        reason: `no tables are configured for ${branch.repository}/${branch.branch}`,
      };
    }
    const added = await this.#store.add(event, Date.now());
    if (added) this.#kick(branch);
    return { outcome: added ? 'accepted' : 'duplicate', id: eventId(event) };
  }

  list(filter: Parameters<EventStore['list']>[0] = {}): Promise<EventRecord[]> {
    return this.#store.list(filter);
  }

  /** Runs an event that failed again. @throws SluiceError NOT_FOUND, CONFLICT */
  async retry(id: string): Promise<void> {
    const event = await this.#store.get(id);
    if (!event) throw new SluiceError('NOT_FOUND', `There is no event ${id}.`);
    if (event.status !== 'FAILED') {
      throw new SluiceError(
        'CONFLICT',
        `Event ${id} is ${event.status}; only one that FAILED can be run again.`,
      );
    }
    await this.#store.update(id, { status: 'WAITING', notBefore: 0 });
    this.#kick(event);
  }

  /** Resolves when no event waits that may run now. */
  async settled(): Promise<void> {
    await Promise.all(this.#branches.values());
  }

  /** Leaves running jobs to be found again. */
  async close(): Promise<void> {
    clearInterval(this.#looking);
    this.#stop.abort();
    await Promise.allSettled(this.#branches.values());
  }

  #kick(branch: Branch): void {
    const key = `${branch.repository}/${branch.branch}`;
    this.#wake.get(key)?.abort();
    if (this.#branches.has(key) || this.#stop.signal.aborted) return;
    const { repository, branch: name } = branch;
    const working = this.#workAlone({ repository, branch: name }, key)
      .catch((error: unknown) => {
        const { message } = toSluiceError(error);
        this.#options.log.error({ branch: key, error: message }, 'Events of a branch cannot be worked on.');
        return false;
      })
      .then((worked) => {
        this.#branches.delete(key);
        if (worked) return this.#kickWhenDue(branch);
        return undefined;
      });
    this.#branches.set(key, working);
  }

  /** An event may have come between the last look at its branch and the end of the work on it. */
  async #kickWhenDue(branch: Branch): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const open = await this.#store.open(branch).catch(() => []);
    if (open.some((event) => event.notBefore <= Date.now())) this.#kick(branch);
  }

  /** @returns false when the branch is another process's, or was taken by one */
  async #workAlone(branch: Branch, key: string): Promise<boolean> {
    const claim = (): Promise<boolean> => this.#store.claim(branch, this.#worker, CLAIM_MS);
    if (!(await claim())) return false;
    const lost = new AbortController();
    const renewal = setInterval(() => {
      claim().then(
        (kept) => kept || lost.abort(),
        // It ends when nobody hears of this process for too long.
        () => undefined,
      );
    }, CLAIM_MS / 3);
    try {
      await this.#work(branch, key, lost.signal);
      return !lost.signal.aborted;
    } finally {
      clearInterval(renewal);
      await this.#store.letGo(branch, this.#worker);
    }
  }

  async #work(branch: Branch, key: string, lost: AbortSignal): Promise<void> {
    while (!this.#stop.signal.aborted && !lost.aborted) {
      const open = await this.#store.open(branch);
      if (open.length === 0) return;
      const earliest = Math.min(...open.map((event) => event.notBefore));
      if (earliest > Date.now()) {
        await this.#pause(key, earliest - Date.now());
        continue;
      }
      try {
        // What a process before this one had begun comes first: its job may be in its middle.
        const begun = open.find((event) => event.status === 'RUNNING');
        if (begun) {
          await this.#run(begun);
          continue;
        }
        const newest = await this.#newest(branch, open);
        await this.#store.supersede(open.filter(({ id }) => id !== newest?.id).map(({ id }) => id));
        if (newest) await this.#run(newest);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.log.warn({ branch: key, error: toSluiceError(error).message }, 'An event has to wait.');
        await this.#store.postpone(branch, Date.now() + this.#delays()[0]!);
      }
    }
  }

  /** Until the time has come, another event comes, or the process ends. */
  async #pause(key: string, milliseconds: number): Promise<void> {
    const wake = new AbortController();
    this.#wake.set(key, wake);
    const signal = AbortSignal.any([wake.signal, this.#stop.signal]);
    await sleep(Math.min(milliseconds, 2 ** 31 - 1), undefined, { signal }).catch(() => {});
    this.#wake.delete(key);
  }

  /**
   * The event of the newest commit: the branch's HEAD when it is among them, else the one farthest from the
   * repository's first commit. None when what was exported already is newer than all.
   */
  async #newest(branch: Branch, events: readonly EventRecord[]): Promise<EventRecord | undefined> {
    const lake = this.#options.lake(branch.repository);
    try {
      const head = await lake.commit(branch.repository, branch.branch).catch((error: unknown) => {
        if (isError(error, 'NOT_FOUND')) return undefined;
        throw error;
      });
      const ofHead = events.find((event) => event.commit === head?.id);
      if (ofHead) return ofHead;
      const exported = await this.#store.exported(branch);
      let best = exported === undefined ? -1 : await generation(lake, branch.repository, exported);
      let newest: EventRecord | undefined;
      for (let i = 0; i < events.length; i += ASKED_AT_ONCE) {
        const some = events.slice(i, i + ASKED_AT_ONCE);
        const places = await Promise.all(
          some.map((event) => generation(lake, branch.repository, event.commit)),
        );
        some.forEach((event, at) => {
          if (places[at]! <= best) return;
          best = places[at]!;
          newest = event;
        });
      }
      return newest;
    } finally {
      await lake.close();
    }
  }

  async #run(event: EventRecord): Promise<void> {
    const { engine, log } = this.#options;
    const settings = this.#options.settings(event);
    const id = event.status === 'RUNNING' && event.job ? event.job : `hook-${event.id}-${event.attempts + 1}`;
    const attempts = event.status === 'RUNNING' ? event.attempts : event.attempts + 1;
    await this.#store.update(event.id, { status: 'RUNNING', job: id, attempts });
    let failure: string;
    try {
      const source = `lakefs://${event.repository}/${event.commit}`;
      const job = await this.#finished(engine, id, { ...settings, source, branch: event.branch });
      if (job.status === 'SUCCESS') {
        await this.#store.update(event.id, { status: 'DONE' });
        await this.#store.noteExported(event);
        return;
      }
      failure = job.error?.message ?? `Job ${id} ended as ${job.status}; its report says why.`;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      failure = toSluiceError(error).message;
    }
    const delay = this.#delays()[attempts - 1];
    log.warn({ event: event.id, job: id, attempts, again: delay !== undefined }, failure);
    await this.#store.update(event.id, {
      status: delay === undefined ? 'FAILED' : 'WAITING',
      notBefore: Date.now() + (delay ?? 0),
      error: failure,
    });
  }

  /** Submits the job, or finds it again after a restart, and waits for its end. */
  async #finished(engine: Engine, id: string, spec: Json): Promise<JobRecord> {
    const { signal } = this.#stop;
    for (;;) {
      // A job that an earlier process left in its middle goes on by being submitted again.
      const { status } = await engine.submit('table-export', spec, { id });
      const job = isFinal(status) ? await engine.get(id) : await engine.wait(id, signal);
      if (isFinal(job.status)) return job;
      signal.throwIfAborted();
    }
  }

  #delays(): readonly number[] {
    return this.#options.retryDelays ?? RETRY_DELAYS;
  }
}

/** How far a commit is from the repository's first one; one that is gone is before all. */
async function generation(lake: Lake, repository: string, commit: string): Promise<number> {
  try {
    const found = await lake.commit(repository, commit);
    return found.generation ?? found.creation_date;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return -1;
    throw error;
  }
}
