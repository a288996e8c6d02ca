import type { Sql } from '../../jobs/state/sql.ts';

/** Most callers remembered; beyond that the ones that called longest ago are forgotten. */
const MOST_CALLERS = 10_000;
const MINUTE_MS = 60_000;
/** How many times a minute the database is asked for what a caller may do at most, while it may. */
const SHARES = 20;

/**
 * Lets each caller do so much a minute, over all services on one state: a bucket that fills steadily. A service takes a
 * share out of it at a time, so that most calls need not ask the database.
 */
export class RateLimit {
  readonly #sql: Sql;
  readonly #name: string;
  readonly #share: number;
  /** Milliseconds in which the bucket fills by one. */
  readonly #step: number;
  /** What is left of the shares that were taken, and until when there are no others. */
  readonly #callers = new Map<string, { left: number; noneUntil: number }>();

  /** @param name tells its buckets from those of other limits */
  constructor(sql: Sql, name: string, perMinute: number) {
    this.#sql = sql;
    this.#name = name;
    this.#share = Math.ceil(perMinute / SHARES);
    this.#step = MINUTE_MS / perMinute;
  }

  /** @returns undefined when the call may go on, else the seconds to wait */
  async take(caller: string): Promise<number | undefined> {
    const known = this.#known(caller);
    if (known.left > 0) {
      known.left--;
      return undefined;
    }
    if (performance.now() >= known.noneUntil) {
      for (const share of new Set([this.#share, 1])) {
        if (await this.#draw(caller, share)) {
          known.left += share - 1;
          return undefined;
        }
      }
      known.noneUntil = performance.now() + this.#step;
    }
    return Math.max(1, Math.ceil(this.#step / 1000));
  }

  /** Forgets those whose buckets are full again. */
  static async prune(sql: Sql): Promise<void> {
    await sql.run(`DELETE FROM rates WHERE used_until < ${sql.clock}`);
  }

  async #draw(caller: string, share: number): Promise<boolean> {
    const cost = Math.round(share * this.#step);
    const { clock } = this.#sql;
    const drawn = await this.#sql.run(
      `INSERT INTO rates (caller, used_until) VALUES (?, ${clock} + ?) ON CONFLICT (caller) DO UPDATE
       SET used_until = CASE WHEN rates.used_until > ${clock} THEN rates.used_until ELSE ${clock} END + ?
       WHERE rates.used_until + ? <= ${clock} + ${MINUTE_MS}`,
      ...[`${this.#name}:${caller}`, cost, cost, cost],
    );
    return drawn > 0;
  }

  #known(caller: string): { left: number; noneUntil: number } {
    const known = this.#callers.get(caller) ?? { left: 0, noneUntil: 0 };
    // Put in again at the end: the first one is always the one that called longest ago.
    this.#callers.delete(caller);
    this.#callers.set(caller, known);
    if (this.#callers.size > MOST_CALLERS) this.#callers.delete(this.#callers.keys().next().value!);
    return known;
  }
}
