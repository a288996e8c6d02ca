import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../jobs/kind.ts';
import { isPostgres } from '../jobs/state/open.ts';
import type { Sql } from '../jobs/state/sql.ts';
import type { RetentionReport } from './retention/retention.ts';

export interface AuditEntry {
  who: string;
  what: string;
  /** The job, key, schedule or event that it was done to. */
  subject?: string | undefined;
  /** The caller's address. */
  from?: string | undefined;
  /** `ok`, or the code of the error. */
  outcome: string;
}

/**
 * Who started, cancelled and changed what: JSON lines in the state folder, for its owner alone; the table `audit` where
 * the state is a database that several services share.
 */
export class Audit {
  readonly #state: string;
  readonly #sql: Sql;
  readonly #log: Log;

  constructor(state: string, sql: Sql, log: Log) {
    this.#state = state;
    this.#sql = sql;
    this.#log = log;
  }

  /** What was deleted of old exports. */
  async noteRetention(who: string, { exports }: RetentionReport): Promise<void> {
    const what = 'delete export';
    for (const { uri, outcome, reason } of exports) {
      if (outcome === 'deleted') await this.note({ who, what, subject: uri, outcome: 'ok' });
      if (outcome === 'failed') await this.note({ who, what, subject: uri, outcome: reason });
    }
  }

  async note(entry: AuditEntry): Promise<void> {
    try {
      if (isPostgres(this.#state)) await this.#insert(entry);
      else {
        const line = { at: new Date().toISOString(), ...entry };
        appendFileSync(join(this.#state, 'audit.jsonl'), `${JSON.stringify(line)}\n`, { mode: 0o600 });
      }
    } catch (error) {
      // A full disk must not keep anyone from cancelling a job.
      this.#log.error({ ...entry, error: String(error) }, 'the audit log cannot be written');
    }
  }

  async #insert({ who, what, subject, from, outcome }: AuditEntry): Promise<void> {
    await this.#sql.run(
      `INSERT INTO audit (at, who, what, subject, address, outcome) VALUES (${this.#sql.clock}, ?, ?, ?, ?, ?)`,
      ...[who, what, subject ?? null, from ?? null, outcome],
    );
  }
}
