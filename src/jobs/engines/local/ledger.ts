import { SluiceError } from '../../../base/errors.ts';
import { addCounts, type PartStatus, type Progress, subtractCounts } from '../../job.ts';
import type { Part, PartRecord } from '../../part.ts';
import type { PartEnd } from '../../part-end.ts';
import type { Database } from '../../state/sql.ts';
import { type JobChange, JobTable, type StoredJob } from './jobs.ts';
import { PartTable } from './parts.ts';

/** Milliseconds that ended parts wait for others to be written with. */
const GATHER_MS = 15;
const MOST_GATHERED = 500;
/** Rows changed by one transaction of a long change, so that other work gets its turn. */
const CHUNK = 1000;

const yieldToOthers = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a change to the parts gives, and what it does to the sums over them. */
interface Done<T> {
  value: T;
  sums?: (sums: Progress) => void;
}

/**
 * One running job's book: parts and the sums over them, always changed together in one transaction, and only
 * while this engine owns the job. The ends of parts are gathered for a moment; a kill in between runs those
 * parts once more, which does no harm.
 */
export class Ledger {
  readonly sums: Progress;
  planAfter: string | undefined;
  readonly #db: Database;
  readonly #parts: PartTable;
  readonly #seq: number;
  readonly #owner: string;
  readonly #id: string;
  readonly #onFailure: (error: unknown) => void;
  #ended: PartEnd[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The newest change; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param onFailure is told when gathered ends could not be written, or the job is another's by now */
  constructor(db: Database, job: StoredJob, owner: string, onFailure: (error: unknown) => void) {
    this.#db = db;
    this.#parts = new PartTable(db);
    this.#seq = job.seq;
    this.#id = job.record.id;
    this.#owner = owner;
    this.sums = structuredClone(job.sums);
    this.planAfter = job.planAfter;
    this.#onFailure = onFailure;
  }

  /**
   * Writes what was gathered, a change of the job and the sums as one.
   * @throws SluiceError CONFLICT when another process owns the job by now, and then nothing is written
   */
  async commit(change: JobChange = {}): Promise<void> {
    await this.#change(change, async () => ({ value: undefined }));
  }

  /** One change after another, so that the sums written are those of the parts written. */
  #change<T>(change: JobChange, work: (parts: PartTable) => Promise<Done<T>>): Promise<T> {
    const turn = this.#last.then(() => this.#write(change, work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #write<T>(change: JobChange, work: (parts: PartTable) => Promise<Done<T>>): Promise<T> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ended = this.#ended;
    this.#ended = [];
    const before = copyOf(this.sums);
    try {
      const done = await this.#db.transaction(async (sql) => {
        const parts = new PartTable(sql);
        const sums = copyOf(before);
        if (ended.length > 0) await parts.end(this.#seq, ended);
        const result = await work(parts);
        result.sums?.(sums);
        if (!(await new JobTable(sql).change(this.#seq, this.#owner, { sums, ...change }))) {
          throw new SluiceError('CONFLICT', `Job ${this.#id} was taken over by another process.`);
        }
        return result;
      });
      // More parts may have ended meanwhile: they are in these sums, and in the next change.
      done.sums?.(this.sums);
      return done.value;
    } catch (error) {
      this.#ended = [...ended, ...this.#ended];
      throw error;
    }
  }

  async plan(batch: readonly Part[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    await this.#change({ planAfter: last.id }, async (parts) => {
      await parts.add(this.#seq, batch);
      return {
        value: undefined,
        sums: (sums) => {
          for (const { counts } of batch) if (counts) addCounts(sums.counts, counts);
          shift(sums, undefined, 'PENDING', batch.length);
        },
      };
    });
    this.planAfter = last.id;
  }

  async planned(): Promise<void> {
    this.sums.planned = true;
    await this.commit({ planned: true });
  }

  claim(stage: number, limit: number): Promise<PartRecord[]> {
    return this.#change({}, async (parts) => {
      const claimed = await parts.claim(this.#seq, stage, limit);
      return {
        value: claimed,
        sums: (sums) => shift(sums, 'PENDING', 'TRANSFERRING', claimed.length),
      };
    });
  }

  async startAgain(id: string): Promise<void> {
    await this.#change({}, async (parts) => ({ value: await parts.startAgain(this.#seq, id) }));
  }

  /** Notes the end of a part; it is written with those of the next moments. */
  end(end: PartEnd): void {
    shift(this.sums, 'TRANSFERRING', end.status, 1);
    addCounts(this.sums.counts, end.counts);
    this.#ended.push(end);
    const write = (): void => void this.commit().catch(this.#onFailure);
    if (this.#ended.length === MOST_GATHERED) write();
    else this.#timer ??= setTimeout(write, GATHER_MS);
  }

  /** Makes all parts wait again that an earlier attempt left behind: in flight, failed, skipped or canceled. */
  async reset(): Promise<void> {
    for (const status of ['TRANSFERRING', 'FAILED', 'SKIPPED', 'CANCELED'] as const) {
      for (let count = CHUNK; count === CHUNK; await yieldToOthers()) {
        count = await this.#change({}, async (parts) => {
          const counts = await parts.reset(this.#seq, status, CHUNK);
          return {
            value: counts.length,
            sums: (sums) => {
              for (const each of counts) subtractCounts(sums.counts, each);
              shift(sums, status, 'PENDING', counts.length);
            },
          };
        });
      }
    }
  }

  /** Marks all waiting parts as skipped. */
  async skipWaiting(reason: string): Promise<void> {
    for (let count = CHUNK; count === CHUNK; await yieldToOthers()) {
      count = await this.#change({}, async (parts) => {
        const skipped = await parts.skipWaiting(this.#seq, reason, CHUNK);
        return { value: skipped, sums: (sums) => shift(sums, 'PENDING', 'SKIPPED', skipped) };
      });
    }
  }

  nextStage(): Promise<number | undefined> {
    return this.#parts.nextStage(this.#seq);
  }

  async firstFailed(): Promise<PartRecord | undefined> {
    return (await this.#parts.list(this.#seq, { status: 'FAILED', limit: 1 }))[0];
  }

  /** Page by page, so that any number of parts takes the same memory. */
  async *parts(filter: { status?: PartStatus } = {}): AsyncIterable<PartRecord> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#parts.list(this.#seq, { ...filter, after, limit: CHUNK });
      yield* page;
      if (page.length < CHUNK) return;
      after = page.at(-1)!.id;
      await yieldToOthers();
    }
  }
}

function copyOf({ counts, parts, planned }: Progress): Progress {
  return { counts: { ...counts }, parts: { ...parts }, planned };
}

function shift({ parts }: Progress, from: PartStatus | undefined, to: PartStatus, count: number): void {
  if (count === 0) return;
  if (from) {
    parts[from] = (parts[from] ?? 0) - count;
    if (parts[from] === 0) delete parts[from];
  }
  parts[to] = (parts[to] ?? 0) + count;
}
