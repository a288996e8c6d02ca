import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../../../base/errors.ts';
import { migrate } from './migrations.ts';

export type Row = Record<string, SQLInputValue>;

/**
 * The state file of the local engine: SQLite in WAL mode, so that other processes read while one writes and
 * a kill at any moment leaves the last whole transaction. Statements are prepared once.
 */
export class Database {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws SluiceError ACCESS_DENIED, CORRUPT, CONFLICT (written by a newer version) */
  constructor(folder: string) {
    this.path = join(folder, 'sluice.db');
    try {
      // What ran here (names of objects and hosts) is nobody else's business.
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#db = new DatabaseSync(this.path, { timeout: 10_000 });
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
      migrate(this.#db, this.path);
    } catch (error) {
      throw databaseError(error, this.path);
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#do(sql, (statement) => Number(statement.run(...values).changes));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#do(sql, (statement) => statement.get(...values) as Row | undefined);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#do(sql, (statement) => statement.all(...values) as Row[]);
  }

  /** All of the work's statements, or none. Must not await, and must not be nested. */
  transaction<T>(work: () => T): T {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw databaseError(error, this.path);
    }
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw databaseError(error, this.path);
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #do<T>(sql: string, work: (statement: StatementSync) => T): T {
    try {
      let statement = this.#statements.get(sql);
      if (!statement) {
        statement = this.#db.prepare(sql);
        this.#statements.set(sql, statement);
      }
      return work(statement);
    } catch (error) {
      throw databaseError(error, this.path);
    }
  }
}

/** SQLite's primary result codes that a user can do something about: https://www.sqlite.org/rescode.html */
function databaseError(error: unknown, path: string): unknown {
  if (error instanceof SluiceError) return error;
  const { code, errcode, message } = error as { code?: string; errcode?: number; message: string };
  const details = { cause: error };
  if (code === 'ERR_INVALID_STATE') {
    return new SluiceError('UNAVAILABLE', 'The engine is closed.', { ...details, retryable: false });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new SluiceError(
      'ACCESS_DENIED',
      `The state folder of ${path} can't be made (${code}). Name another with --state or $SLUICE_STATE.`,
      details,
    );
  }
  if (code === 'ENOSPC') return new SluiceError('NO_SPACE', `No space for ${path}. Make room.`, details);
  switch ((errcode ?? 0) & 0xff) {
    case 5: // SQLITE_BUSY
      return new SluiceError('UNAVAILABLE', `${path} is locked by another process for too long.`, details);
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
      return new SluiceError(
        'ACCESS_DENIED',
        `${path} can't be opened for writing. Name another folder with --state or $SLUICE_STATE.`,
        details,
      );
    case 10: // SQLITE_IOERR
      return new SluiceError('UNAVAILABLE', `${path} can't be read or written: ${message}.`, details);
    case 13: // SQLITE_FULL
      return new SluiceError('NO_SPACE', `No space for ${path}. Make room, then resume the job.`, details);
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return new SluiceError(
        'CORRUPT',
        `${path} is damaged or no state file of Sluice (${message}). Move it away and start again.`,
        { ...details, retryable: false },
      );
    default:
      return error;
  }
}
