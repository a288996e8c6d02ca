import type { Json } from '../../base/json.ts';
import type { Engine } from '../../jobs/engine.ts';
import type { EventHub } from '../../jobs/events.ts';
import { found } from '../../jobs/found.ts';
import { isFinal, type JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import type { Sql } from '../../jobs/state/sql.ts';
import type { Notifier } from './notifier.ts';

export interface JobNoticesOptions {
  engine: Engine;
  hub: EventHub;
  db: Sql;
  notifier: Notifier;
  log: Log;
  /** Whether someone is told of this job: one that this service started, and no schedule. */
  concerns(job: JobRecord): Promise<boolean>;
}

/**
 * Tells of jobs that no schedule started: each that fails, and the first that succeeds at the same task again. Several
 * processes may share the state: one of them tells.
 */
export class JobNotices {
  readonly #options: JobNoticesOptions;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();

  constructor(options: JobNoticesOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#follow();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#work);
  }

  async #follow(): Promise<void> {
    for await (const event of this.#options.hub.listen({ signal: this.#stop.signal })) {
      if (event.type !== 'status' || !isFinal(event.status) || event.status === 'CANCELED') continue;
      const work = this.#ended(event.id)
        .catch((error: unknown) => {
          const fields = { job: event.id, error: String(error) };
          this.#options.log.warn(fields, 'nobody could be told of the end of a job');
        })
        .finally(() => this.#work.delete(work));
      this.#work.add(work);
    }
  }

  async #ended(id: string): Promise<void> {
    const { engine, notifier, concerns } = this.#options;
    const job = await found(engine.get(id));
    if (!job || !isFinal(job.status) || !(await concerns(job))) return;
    const { signal } = this.#stop;
    const about = taskOf(job);
    if (job.status === 'FAILED' && (await this.#failed(about, job))) {
      await notifier.tell({ event: 'failure', about, job }, signal);
    } else if (job.status === 'SUCCESS' && (await this.#worksAgain(about))) {
      await notifier.tell({ event: 'recovery', about, job }, signal);
    }
  }

  /** False when this failure was told of already. */
  async #failed(task: string, { id, attempts }: JobRecord): Promise<boolean> {
    const attempt = `${id} ${attempts}`;
    return (
      (await this.#options.db.run(
        `INSERT INTO failed_tasks (task, attempt) VALUES (?, ?)
         ON CONFLICT (task) DO UPDATE SET attempt = excluded.attempt
         WHERE failed_tasks.attempt <> excluded.attempt`,
        task,
        attempt,
      )) > 0
    );
  }

  async #worksAgain(task: string): Promise<boolean> {
    return (await this.#options.db.run('DELETE FROM failed_tasks WHERE task = ?', task)) > 0;
  }
}

/** What a job does, the same for every job that does it again: its kind, from where and to where. */
function taskOf({ kind, spec }: JobRecord): string {
  const fields = (spec ?? {}) as { [name: string]: Json | undefined };
  const text = (...names: string[]): string => {
    const found = names.map((name) => fields[name]).find((value) => typeof value === 'string');
    return typeof found === 'string' ? found : '';
  };
  const from = kind === 'vector-export' ? text('weaviate') : text('source');
  // The export of a commit is one of its branch, where it says which.
  const branch = text('branch');
  const source = branch === '' ? from : from.replace(/^(lakefs:\/\/[^/]+\/)[^/]+/, `$1${branch}`);
  const to = text('destination', 'target_base_location') || text('weaviate');
  return `${kind.replaceAll('-', ' ')} ${[source, to].filter((place) => place !== '').join(' → ')}`.trim();
}
