import type { Json } from '../base/json.ts';
import type { JobRecord, JobStatus, PartStatus, Progress } from './job.ts';
import type { PartRecord } from './part.ts';

/** Runs jobs of any kind. Every implementation passes test/contracts/engine.ts. */
export interface Engine {
  /**
   * Starts a job. With an id that exists already: the same kind and spec gives the job that is there
   * (a finished one is not run again), anything else is ALREADY_EXISTS. Without an id, an interrupted job of
   * the same kind and spec goes on; when there is none, a new job starts.
   * @throws SluiceError BAD_SPEC, NOT_FOUND (kind), ALREADY_EXISTS
   */
  submit(kind: string, spec: Json, options?: { id?: string }): Promise<JobRecord>;

  /** @throws NOT_FOUND */
  get(id: string): Promise<JobRecord>;

  /** Newest first, each without what may be large: `pinned` and `report` come with `get`. */
  list(filter?: JobFilter): Promise<JobPage>;

  /** In order of id. */
  parts(
    id: string,
    filter?: { status?: PartStatus; search?: string; after?: string; limit?: number },
  ): Promise<PartRecord[]>;

  /** Resolves when the job has ended (or this process lost it). @throws NOT_FOUND */
  wait(id: string, signal?: AbortSignal): Promise<JobRecord>;

  /** Asks a job to stop; what is in flight ends first. A job that has ended is CONFLICT. */
  cancel(id: string): Promise<void>;

  /** Goes on with a job that died, failed or was canceled: parts that succeeded stay done. A running or successful one is CONFLICT. */
  resume(id: string): Promise<JobRecord>;

  /** What happens, from now on (`id`: of one job, ending when it ends). */
  events(options?: { id?: string; signal?: AbortSignal }): AsyncIterable<JobEvent>;

  /**
   * Forgets jobs that have ended, with their parts; what they wrote stays. Absent where the engine's server forgets
   * by a rule of its own.
   * @returns how many
   */
  prune?(rule: PruneRule): Promise<number>;

  /** Stops taking work, lets what is in flight end or be resumed later, frees everything. */
  close(): Promise<void>;
}

/** Jobs go that one of the two is true of. */
export interface PruneRule {
  /** Ended earlier; milliseconds since 1970. */
  before?: number | undefined;
  /** Not among the newest so many that have ended. */
  keep?: number | undefined;
  /** Told of some jobs before they are forgotten. */
  onForget?(ids: readonly string[]): Promise<void>;
}

export interface JobFilter {
  kind?: string;
  status?: JobStatus;
  /** Part of the id or of the spec's text. */
  search?: string;
  limit?: number;
  /** `next` of the page before. */
  after?: string;
}

export interface JobPage {
  jobs: JobRecord[];
  next?: string;
}

interface Happened {
  /** The job. */
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  /** Another process runs the job, and tells its own listeners of it, too. */
  elsewhere?: true;
}

export type JobEvent =
  | (Happened & { type: 'status'; status: JobStatus; error?: { code: string; message: string } })
  | (Happened & { type: 'progress'; progress: Progress })
  | (Happened & {
      type: 'part';
      part: string;
      label: string;
      status: PartStatus;
      error?: { code: string; message: string };
    });
