import { addCounts, type PartStatus, subtractCounts } from '../../job.ts';
import type { Part, PartRecord } from '../../part.ts';
import type { Ended, PageState, Sums } from './messages.ts';

const BITS: Partial<Record<PartStatus, number>> = {
  PENDING: 1,
  SUCCESS: 2,
  FAILED: 4,
  CANCELED: 8,
  SKIPPED: 16,
};

/** Whether parts of this status are among these. */
export function hasStatus(statuses: number, status: PartStatus): boolean {
  return (statuses & (BITS[status] ?? BITS.PENDING!)) !== 0;
}

/** A letter for the statuses of each page's parts; `*` for pages of which they are not known. */
export function statusesOf(pages: readonly PageState[], unknown: readonly number[]): string {
  const letters = pages.map(([, statuses]) => statuses.toString(32));
  for (const page of unknown) letters[page - 1] = '*';
  return letters.join('');
}

/** Whether page number `page` (from 1) may hold a part of this status. */
export function mayHold(statuses: string | undefined, page: number, status: PartStatus): boolean {
  const letter = statuses?.[page - 1] ?? '*';
  return letter === '*' || hasStatus(Number.parseInt(letter, 32), status);
}

/** A task whose worker was lost so often is given up. */
export const TASK_ATTEMPTS = 4;

interface Entry {
  part: Part;
  status: PartStatus;
  attempts: number;
  ended?: Ended;
}

/**
 * The parts of one page and how each ended. The page's workflow keeps it as tasks end; whoever reads the history
 * of that workflow makes the same book from it.
 */
export class PageBook {
  readonly #entries: Entry[];
  readonly #byId = new Map<string, Entry>();
  /** Tasks of several parts were lost with these: each is tried alone. */
  readonly #alone = new Set<string>();
  #waiting: Entry[];
  #opened: Sums;

  constructor(parts: readonly Part[]) {
    this.#entries = parts.map((part) => ({ part, status: 'PENDING', attempts: 0 }));
    for (const entry of this.#entries) this.#byId.set(entry.part.id, entry);
    this.#waiting = [...this.#entries];
    this.#opened = this.sums();
  }

  /** What an earlier run of the page left: what succeeded stays done, the rest waits again. */
  restore(ended: readonly Ended[]): void {
    for (const each of ended) {
      const entry = this.#byId.get(each.id);
      if (!entry) continue;
      entry.attempts = each.attempts;
      if (each.status !== 'SUCCESS') continue;
      entry.status = 'SUCCESS';
      entry.ended = each;
    }
    this.#waiting = this.#entries.filter(({ status }) => status === 'PENDING');
    this.#opened = this.sums();
  }

  /** What `restore` of the next run needs, from part number `from` on, of about so many bytes. */
  recall(from: number, bytes: number): { ended: Ended[]; next?: number } {
    const ended: Ended[] = [];
    let size = 0;
    for (let i = from; i < this.#entries.length; i++) {
      if (size > bytes) return { ended, next: i };
      const { part, attempts, ended: end } = this.#entries[i]!;
      if (attempts === 0) continue;
      const each: Ended =
        end?.status === 'SUCCESS'
          ? end
          : { id: part.id, status: 'PENDING', attempts, counts: {}, failures: [] };
      size += JSON.stringify(each).length;
      ended.push(each);
    }
    return { ended };
  }

  /** Takes waiting parts of stages up to this one, lowest ids first. */
  take(stage: number, limit: number): { part: Part; attempts: number }[] {
    const taken: Entry[] = [];
    const left: Entry[] = [];
    for (const entry of this.#waiting) {
      const fits = taken.length < limit && !(taken.length > 0 && this.#alone.has(entry.part.id));
      const only = taken.length === 1 && this.#alone.has(taken[0]!.part.id);
      if (entry.part.stage <= stage && fits && !only) taken.push(entry);
      else left.push(entry);
    }
    this.#waiting = left;
    return taken.map(({ part, attempts }) => ({ part, attempts }));
  }

  /** Parts of stages up to this one that wait to be taken. */
  waiting(stage: number): number {
    return this.#waiting.reduce((sum, { part }) => sum + (part.stage <= stage ? 1 : 0), 0);
  }

  /** The lowest stage of parts that wait; -1 when none does. */
  get stage(): number {
    return this.#waiting.reduce(
      (lowest, { part }) => (lowest < 0 || part.stage < lowest ? part.stage : lowest),
      -1,
    );
  }

  /** @returns the part, when this is news */
  end(ended: Ended): Part | undefined {
    const entry = this.#byId.get(ended.id);
    if (entry?.status !== 'PENDING') return undefined;
    entry.attempts = ended.attempts;
    if (ended.status === 'PENDING') {
      this.giveBack([ended.id]);
      return undefined;
    }
    entry.status = ended.status;
    entry.ended = ended;
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    return entry.part;
  }

  /** Taken parts that were not run wait again. */
  giveBack(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#byId.get(id)!;
      if (entry.status === 'PENDING' && !this.#waiting.includes(entry)) this.#waiting.push(entry);
    }
  }

  /** The workers that ran a task were lost, again and again. Several parts are tried one by one; a single one fails. */
  lost(ids: readonly string[], at: number): Ended[] {
    if (ids.length > 1) {
      for (const id of ids) this.#alone.add(id);
      this.giveBack(ids);
      return [];
    }
    const failed = ids.map((id) => ({
      id,
      status: 'FAILED' as const,
      attempts: this.#byId.get(id)!.attempts + TASK_ATTEMPTS,
      counts: {},
      failures: [],
      error: {
        code: 'UNAVAILABLE',
        message: `The worker that ran it was lost, ${TASK_ATTEMPTS} times. Look at the memory and the logs of the workers.`,
      },
      completedAt: at,
    }));
    for (const each of failed) this.end(each);
    return failed;
  }

  /** All that wait are skipped. */
  skip(reason: string, at: number): void {
    for (const entry of this.#waiting) {
      const { id } = entry.part;
      entry.status = 'SKIPPED';
      entry.ended = {
        ...{ id, status: 'SKIPPED', skipped: reason, attempts: entry.attempts },
        ...{ counts: {}, failures: [], completedAt: at },
      };
    }
    this.#waiting = [];
  }

  sums(): Sums {
    const sums: Sums = { parts: {}, counts: {} };
    for (const { part, status, ended } of this.#entries) {
      sums.parts[status] = (sums.parts[status] ?? 0) + 1;
      if (part.counts) addCounts(sums.counts, part.counts);
      if (ended) addCounts(sums.counts, ended.counts);
    }
    return sums;
  }

  /** What changed since the page was opened. */
  done(): Sums {
    return subtractSums(this.sums(), this.#opened);
  }

  get statuses(): number {
    return this.#entries.reduce((bits, { status }) => bits | BITS[status]!, 0);
  }

  firstFailed(): { label: string; error?: Ended['error'] } | undefined {
    const failed = this.#entries.find(({ status }) => status === 'FAILED');
    return failed && { label: failed.part.label, error: failed.ended?.error };
  }

  /** In order of id. @param running ids of parts that are being run */
  *records(running: ReadonlySet<string> = new Set()): Iterable<PartRecord> {
    for (const { part, status, attempts, ended } of this.#entries) {
      yield {
        ...part,
        status: running.has(part.id) && status === 'PENDING' ? 'TRANSFERRING' : status,
        attempts,
        counts: { ...part.counts, ...ended?.counts },
        failures: ended?.failures ?? [],
        error: ended?.error,
        skipped: ended?.skipped,
        data: ended?.data,
        startedAt: ended?.startedAt,
        completedAt: ended?.completedAt,
      };
    }
  }
}

export function addSums(to: Sums, more: Sums): Sums {
  addCounts(to.parts as Record<string, number>, more.parts as Record<string, number>);
  addCounts(to.counts, more.counts);
  return trimmed(to);
}

export function subtractSums(from: Sums, less: Sums): Sums {
  subtractCounts(from.parts as Record<string, number>, less.parts as Record<string, number>);
  subtractCounts(from.counts, less.counts);
  return from;
}

/** Without parts' counts that came to nothing. */
function trimmed(sums: Sums): Sums {
  for (const status of Object.keys(sums.parts) as PartStatus[]) {
    if (sums.parts[status] === 0) delete sums.parts[status];
  }
  return sums;
}

export const noSums = (): Sums => ({ parts: {}, counts: {} });
