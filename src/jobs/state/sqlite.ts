import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../../base/errors.ts';
import { makeFolders } from '../../base/folders.ts';
import type { Database, Row, Schema, Sql, Value } from './sql.ts';

/** Milliseconds that a statement waits for other processes. */
const BUSY_MS = 10_000;

/**
 * A file of the state folder: SQLite in WAL mode, so that other processes read while one writes and a kill at any moment
 * leaves the last whole transaction. Statements are prepared once.
 */
export class SqliteDatabase implements Database {
  readonly name: string;
  readonly clock = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Ends with the transaction that runs. */
  #running: Promise<void> | undefined;
  /** What a transaction's work gets: statements that need not wait for its end. */
  readonly #inside: Sql = {
    clock: this.clock,
    run: async (sql, ...values) => this.#run(sql, values),
    runEach: async (sql, rows) => {
      for (const values of rows) this.#run(sql, values);
    },
    get: async <T>(sql: string, ...values: Value[]) => this.#get(sql, values) as T | undefined,
    all: async <T>(sql: string, ...values: Value[]) => this.#all(sql, values) as T[],
  };

  /** @throws SluiceError ACCESS_DENIED, NO_SPACE, CORRUPT, CONFLICT (written by a newer version) */
  constructor(folder: string, schema: Schema) {
    this.name = join(folder, schema.file);
    try {
      // What ran here (names of objects and hosts) is nobody else's business.
      makeFolders(folder, 0o700);
      this.#db = new DatabaseSync(this.name, { timeout: BUSY_MS });
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
      migrate(this.#db, schema, this.name);
    } catch (error) {
      throw databaseError(error, this.name);
    }
  }

  reachableFor(): boolean {
    return true;
  }

  async run(sql: string, ...values: Value[]): Promise<number> {
    while (this.#running) await this.#running;
    return this.#run(sql, values);
  }

  runEach(sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
    return this.transaction((inside) => inside.runEach(sql, rows));
  }

  async get<T = Row>(sql: string, ...values: Value[]): Promise<T | undefined> {
    while (this.#running) await this.#running;
    return this.#get(sql, values) as T | undefined;
  }

  async all<T = Row>(sql: string, ...values: Value[]): Promise<T[]> {
    while (this.#running) await this.#running;
    return this.#all(sql, values) as T[];
  }

  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    while (this.#running) await this.#running;
    let over = (): void => undefined;
    this.#running = new Promise((resolve) => {
      over = resolve;
    });
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const result = await work(this.#inside);
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw databaseError(error, this.name);
    } finally {
      this.#running = undefined;
      over();
    }
  }

  async close(): Promise<void> {
    while (this.#running) await this.#running;
    if (this.#db.isOpen) this.#db.close();
  }

  #run(sql: string, values: readonly Value[]): number {
    return this.#do(sql, (statement) => Number(statement.run(...values).changes));
  }

  #get(sql: string, values: readonly Value[]): unknown {
    return this.#do(sql, (statement) => statement.get(...values));
  }

  #all(sql: string, values: readonly Value[]): unknown[] {
    return this.#do(sql, (statement) => statement.all(...values));
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
      throw databaseError(error, this.name);
    }
  }
}

/** Brings a file to the newest schema, each step whole or not at all, also when two processes try at once. */
function migrate(db: DatabaseSync, { steps }: Schema, path: string): void {
  const version = (): number =>
    (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version() === steps.length) return;
  for (;;) {
    db.exec('BEGIN IMMEDIATE');
    try {
      const at = version();
      if (at > steps.length) throw newerVersion(path, at, steps.length);
      if (at === steps.length) {
        db.exec('COMMIT');
        return;
      }
      db.exec(steps[at]!);
      db.exec(`PRAGMA user_version = ${at + 1}`);
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  }
}

export function newerVersion(name: string, version: number, known: number): SluiceError {
  return new SluiceError(
    'CONFLICT',
    `${name} was written by a newer Sluice (schema ${version}, this one knows ${known}). Use that version, or another state (--state).`,
  );
}

/** SQLite's primary result codes that a user can do something about: https://www.sqlite.org/rescode.html */
function databaseError(error: unknown, path: string): unknown {
  if (error instanceof SluiceError) return error;
  const { code, errcode, message } = error as { code?: string; errcode?: number; message: string };
  const details = { cause: error };
  if (code === 'ERR_INVALID_STATE') {
    return new SluiceError('UNAVAILABLE', 'The engine is closed.', { ...details, retryable: false });
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    code === 'ENOENT' ||
    code === 'ENOTDIR' ||
    code === 'EEXIST'
  ) {
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
