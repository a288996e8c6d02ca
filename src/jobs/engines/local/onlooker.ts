import type { JobEvent } from '../../engine.ts';
import type { Listener } from '../../events.ts';
import { isFinal } from '../../job.ts';
import type { JobTable, StoredJob } from './jobs.ts';
import type { Owner } from './owners.ts';
import type { PartTable } from './parts.ts';

interface Seen {
  status: string;
  progress: string;
  failed: Set<string>;
}

/**
 * Tells a listener what happens to jobs that other processes run, by looking into the database again and
 * again: statuses, progress, and those of single parts that failed.
 */
export class Onlooker {
  readonly #listener: Listener;
  readonly #options: { jobs: JobTable; parts: PartTable; owner: Owner; id: string | undefined };
  readonly #seen = new Map<string, Seen>();
  readonly #since = Date.now();
  #from = this.#since;

  constructor(
    listener: Listener,
    options: { jobs: JobTable; parts: PartTable; owner: Owner; id: string | undefined },
  ) {
    this.#listener = listener;
    this.#options = options;
  }

  start(every: number): void {
    const timer = setInterval(() => {
      try {
        this.#look();
      } catch {
        // A database that can't be read now is looked at again later.
      }
    }, every);
    this.#listener.whenEnded(() => clearInterval(timer));
  }

  #look(): void {
    const { jobs, owner, id } = this.#options;
    if (id === undefined) {
      const changed = jobs.changedSince(this.#from, owner.id);
      for (const job of changed) this.#tell(job);
      // Once more what changed in the same millisecond; `seen` keeps it from being told twice.
      this.#from = changed.at(-1)?.updatedAt ?? this.#from;
      return;
    }
    const job = jobs.find(id);
    if (!job || job.owner === owner.id) return;
    this.#tell(job);
    if (isFinal(job.record.status) || !owner.lives(job.owner)) this.#listener.end();
  }

  #tell(job: StoredJob): void {
    const { id, status, error, progress } = job.record;
    const seen = this.#seen.get(id) ?? { status: '', progress: '', failed: new Set<string>() };
    this.#seen.set(id, seen);
    const say = (event: JobEvent): void => this.#listener.push(event);
    const at = Date.now();
    const failed = progress.parts.FAILED ?? 0;
    if (failed > seen.failed.size) {
      for (const part of this.#options.parts.failedSince(job.seq, this.#since)) {
        if (seen.failed.has(part.id)) continue;
        seen.failed.add(part.id);
        say({ type: 'part', id, at, part: part.id, label: part.label, status: 'FAILED', error: part.error });
      }
    }
    const text = JSON.stringify(progress);
    if (text !== seen.progress) say({ type: 'progress', id, at, progress });
    seen.progress = text;
    if (status !== seen.status) say({ type: 'status', id, at, status, error });
    seen.status = status;
    if (isFinal(status)) this.#seen.delete(id);
  }
}
