import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../jobs/kind.ts';
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

/** Who started, cancelled and changed what: JSON lines in the state folder, for its owner alone. */
export class Audit {
  readonly #path: string;
  readonly #log: Log;

  constructor(stateFolder: string, log: Log) {
    this.#path = join(stateFolder, 'audit.jsonl');
    this.#log = log;
  }

  /** What was deleted of old exports. */
  noteRetention(who: string, { exports }: RetentionReport): void {
    for (const { uri, outcome, reason } of exports) {
      if (outcome === 'deleted') this.note({ who, what: 'delete export', subject: uri, outcome: 'ok' });
      if (outcome === 'failed') this.note({ who, what: 'delete export', subject: uri, outcome: reason });
    }
  }

  note(entry: AuditEntry): void {
    try {
      const line = { at: new Date().toISOString(), ...entry };
      appendFileSync(this.#path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch (error) {
      // A full disk must not keep anyone from cancelling a job.
      this.#log.error({ ...entry, error: String(error) }, 'the audit log cannot be written');
    }
  }
}
