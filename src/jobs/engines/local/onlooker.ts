import type { JobEvent } from '../../engine.ts';
import type { Listener } from '../../events.ts';
import { isFinal, type JobStatus } from '../../job.ts';
import type { Database } from '../../state/sql.ts';
import { JobTable, PAGE, type StoredJob } from './jobs.ts';
import type { Owner } from './owners.ts';
import { PartTable } from './parts.ts';

/** How much earlier than seen a change may have been begun that is seen only now. */
const LATE_MS = 2000;

interface Told {
  status: JobStatus | undefined;
  progress: string;
  failed: Set<string>;
  /** The change that was told last. */
  updatedAt: number;
}

/**
 * Tells a listener what happens to jobs that other processes run, by looking into the database again and
 * again: statuses, progress, and those of single parts that failed.
 */
export class Onlooker {
  readonly #listener: Listener;
  readonly #db: Database;
  readonly #jobs: JobTable;
  readonly #parts: PartTable;
  readonly #owner: Owner;
  readonly #id: string | undefined;
  readonly #told = new Map<string, Told>();
  readonly #since = Date.now();
  /** When the looking began and the newest change that was told, by the database's clock. */
  #began = 0;
  #newest: number | undefined;

  constructor(listener: Listener, options: { db: Database; owner: Owner; id: string | undefined }) {
    this.#listener = listener;
    this.#db = options.db;
    this.#jobs = new JobTable(options.db);
    this.#parts = new PartTable(options.db);
    this.#owner = options.owner;
    this.#id = options.id;
  }

  start(every: number): void {
    let timer: NodeJS.Timeout;
    let ended = false;
    const look = async (): Promise<void> => {
      try {
        await (this.#id === undefined ? this.#lookAtAll() : this.#lookAt(this.#id));
      } catch {
        // A database that can't be read now is looked at again later.
      }
      if (!ended) timer = setTimeout(look, every);
    };
    void look();
    this.#listener.whenEnded(() => {
      ended = true;
      clearTimeout(timer);
    });
  }

  async #lookAt(id: string): Promise<void> {
    const job = await this.#jobs.find(id);
    if (!job || job.owner === this.#owner.id) return;
    await this.#tell(job);
    if (isFinal(job.record.status) || !this.#owner.lives(job.owner, job.seen)) this.#listener.end();
  }

  async #lookAtAll(): Promise<void> {
    if (this.#newest === undefined) {
      const row = await this.#db.get<{ now: number }>(`SELECT ${this.#db.clock} AS now`);
      this.#began = row!.now;
      this.#newest = row!.now;
      return;
    }
    const from = Math.max(this.#began, this.#newest - LATE_MS) - 1;
    for (const [id, { updatedAt, status }] of this.#told) {
      if (updatedAt <= from && status && isFinal(status)) this.#told.delete(id);
    }
    for (let place = { updatedAt: from, seq: 0 }; ; ) {
      const page = await this.#jobs.changedAfter(place, this.#owner.id);
      for (const job of page) await this.#tell(job);
      const last = page.at(-1);
      if (last) {
        place = { updatedAt: last.updatedAt, seq: last.seq };
        this.#newest = Math.max(this.#newest, last.updatedAt);
      }
      if (page.length < PAGE) return;
    }
  }

  async #tell(job: StoredJob): Promise<void> {
    const { id, status, error, progress } = job.record;
    const told = this.#told.get(id) ?? {
      status: undefined,
      progress: '',
      failed: new Set<string>(),
      updatedAt: 0,
    };
    this.#told.set(id, told);
    if (told.updatedAt === job.updatedAt && told.status === status) return;
    told.updatedAt = job.updatedAt;
    const say = (event: JobEvent): void => this.#listener.push(event);
    const what = { id, at: Date.now(), elsewhere: true } as const;
    const failed = progress.parts.FAILED ?? 0;
    if (failed > told.failed.size) {
      for (const part of await this.#parts.failedSince(job.seq, this.#since)) {
        if (told.failed.has(part.id)) continue;
        told.failed.add(part.id);
        say({ type: 'part', ...what, part: part.id, label: part.label, status: 'FAILED', error: part.error });
      }
    }
    const text = JSON.stringify(progress);
    if (text !== told.progress) say({ type: 'progress', ...what, progress });
    told.progress = text;
    if (status !== told.status) say({ type: 'status', ...what, status, error });
    told.status = status;
  }
}
