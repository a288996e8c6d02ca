import { SluiceError } from '../../../base/errors.ts';
import { addCounts, type PartStatus, type Progress, subtractCounts } from '../../job.ts';
import type { Part, PartRecord } from '../../part.ts';
import type { PartEnd } from '../../part-end.ts';
import type { Database } from './database.ts';
import type { JobChange, JobTable, StoredJob } from './jobs.ts';
import type { PartTable } from './parts.ts';

/** Milliseconds that ended parts wait for others to be written with. */
const GATHER_MS = 15;
const MOST_GATHERED = 500;
/** Rows changed by one transaction of a long change, so that other work gets its turn. */
const CHUNK = 1000;

const yieldToOthers = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * One running job's book: parts and the sums over them, always changed together in one transaction, and only
 * while this engine owns the job. The ends of parts are gathered for a moment; a kill in between runs those
 * parts once more, which does no harm.
 */
export class Ledger {
  readonly sums: Progress;
  planAfter: string | undefined;
  readonly #db: Database;
  readonly #jobs: JobTable;
  readonly #parts: PartTable;
  readonly #seq: number;
  readonly #owner: string;
  readonly #id: string;
  readonly #onFailure: (error: unknown) => void;
  #ended: PartEnd[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onFailure is told when gathered ends could not be written, or the job is another's by now */
  constructor(
    tables: { db: Database; jobs: JobTable; parts: PartTable },
    job: StoredJob,
    owner: string,
    onFailure: (error: unknown) => void,
  ) {
    this.#db = tables.db;
    this.#jobs = tables.jobs;
    this.#parts = tables.parts;
    this.#seq = job.seq;
    this.#id = job.record.id;
    this.#owner = owner;
    this.sums = structuredClone(job.sums);
    this.planAfter = job.planAfter;
    this.#onFailure = onFailure;
  }

  /**
   * Writes what was gathered, the work's changes and the sums as one.
   * @throws SluiceError CONFLICT when another process owns the job by now, and then nothing is written
   */
  commit<T>(change: JobChange = {}, work?: () => T): T | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ended = this.#ended;
    this.#ended = [];
    return this.#db.transaction(() => {
      for (const end of ended) this.#parts.end(this.#seq, end);
      const result = work?.();
      if (!this.#jobs.change(this.#seq, this.#owner, { sums: this.sums, ...change })) {
        throw new SluiceError('CONFLICT', `Job ${this.#id} was taken over by another process.`);
      }
      return result;
    });
  }

  plan(batch: readonly Part[]): void {
    const last = batch.at(-1);
    if (!last) return;
    this.commit({ planAfter: last.id }, () => {
      for (const part of batch) {
        this.#parts.add(this.#seq, part);
        if (part.counts) addCounts(this.sums.counts, part.counts);
      }
      this.#shift(undefined, 'PENDING', batch.length);
    });
    this.planAfter = last.id;
  }

  planned(): void {
    this.sums.planned = true;
    this.commit({ planned: true });
  }

  claim(stage: number, limit: number): PartRecord[] {
    return this.commit({}, () => {
      const claimed = this.#parts.claim(this.#seq, stage, limit);
      this.#shift('PENDING', 'TRANSFERRING', claimed.length);
      return claimed;
    })!;
  }

  startAgain(id: string): void {
    this.commit({}, () => this.#parts.startAgain(this.#seq, id));
  }

  /** Notes the end of a part; it is written with those of the next moments. */
  end(end: PartEnd): void {
    this.#shift('TRANSFERRING', end.status, 1);
    addCounts(this.sums.counts, end.counts);
    this.#ended.push(end);
    if (this.#ended.length >= MOST_GATHERED) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  #write(): void {
    try {
      this.commit();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** Makes all parts wait again that an earlier attempt left behind: in flight, failed, skipped or canceled. */
  async reset(): Promise<void> {
    for (const status of ['TRANSFERRING', 'FAILED', 'SKIPPED', 'CANCELED'] as const) {
      for (let count = CHUNK; count === CHUNK; await yieldToOthers()) {
        count = this.commit({}, () => {
          const counts = this.#parts.reset(this.#seq, status, CHUNK);
          for (const each of counts) subtractCounts(this.sums.counts, each);
          this.#shift(status, 'PENDING', counts.length);
          return counts.length;
        })!;
      }
    }
  }

  /** Marks all waiting parts as skipped. */
  async skipWaiting(reason: string): Promise<void> {
    for (let count = CHUNK; count === CHUNK; await yieldToOthers()) {
      count = this.commit({}, () => {
        const skipped = this.#parts.skipWaiting(this.#seq, reason, CHUNK);
        this.#shift('PENDING', 'SKIPPED', skipped);
        return skipped;
      })!;
    }
  }

  nextStage(): number | undefined {
    return this.#parts.nextStage(this.#seq);
  }

  firstFailed(): PartRecord | undefined {
    return this.#parts.list(this.#seq, { status: 'FAILED', limit: 1 })[0];
  }

  /** Page by page, so that any number of parts takes the same memory. */
  async *parts(filter: { status?: PartStatus } = {}): AsyncIterable<PartRecord> {
    let after: string | undefined;
    for (;;) {
      const page = this.#parts.list(this.#seq, { ...filter, after, limit: CHUNK });
      yield* page;
      if (page.length < CHUNK) return;
      after = page.at(-1)!.id;
      await yieldToOthers();
    }
  }

  #shift(from: PartStatus | undefined, to: PartStatus, count: number): void {
    if (count === 0) return;
    const { parts } = this.sums;
    if (from) {
      parts[from] = (parts[from] ?? 0) - count;
      if (parts[from] === 0) delete parts[from];
    }
    parts[to] = (parts[to] ?? 0) + count;
  }
}
