import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient, QueryResult } from 'pg';
import { isError, SluiceError } from '../../base/errors.ts';
import { backoff, type RetryPolicy } from '../../stores/retry.ts';
import { type PostgresAddress, parseAddress } from './postgres-address.ts';
import { insertRows, toPostgres, toPostgresTables } from './postgres-dialect.ts';
import { isConnectionLoss, isOthersTransaction, postgresError } from './postgres-errors.ts';
import type { Database, Row, Schema, Sql, Value } from './sql.ts';
import { newerVersion } from './sqlite.ts';

/** Connections of one schema in one process, at most. */
const MOST_CONNECTIONS = 5;
const CONNECT_MS = 10_000;
/** How long one that has never answered is waited for. */
const OPEN_MS = 5000;
/** An answer that takes longer does not come any more: the link was cut without a word. */
const ANSWER_MS = 30_000;
/** How long a server that cannot be reached (a restart, a failover) is waited for. */
const PATIENCE: RetryPolicy = {
  attempts: Number.POSITIVE_INFINITY,
  baseDelay: 50,
  maxDelay: 2000,
  deadline: 60_000,
};
/** A process that vanished must not keep its locks for long. */
const SESSION = '-c idle_in_transaction_session_timeout=60000';
const INT8 = 20;

/** A database of PostgreSQL 13 or later. What it cannot reach it tries again for a while. */
export class PostgresDatabase implements Database {
  readonly name: string;
  readonly clock = 'CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)';
  readonly #pool: Pool;
  /** Statements as PostgreSQL wants them, by how they were written. */
  readonly #statements = new Map<string, { name: string; text: string }>();
  #broken = false;
  /** When it was reached again after a break, by performance.now(). */
  #reachableSince = Number.NEGATIVE_INFINITY;
  #patience = OPEN_MS;
  #closed = false;

  private constructor(pool: Pool, name: string) {
    this.#pool = pool;
    this.name = name;
    // What breaks while nobody waits for an answer; who waits for one hears of it too.
    const broken = (): void => {
      this.#broken = true;
    };
    pool.on('error', broken);
    pool.on('connect', (client) => client.on('error', broken));
  }

  /** @throws SluiceError BAD_CONFIG, ACCESS_DENIED, NOT_FOUND, UNAVAILABLE, CONFLICT (a newer version's) */
  static async open(state: string, schema: Schema): Promise<PostgresDatabase> {
    const address = parseAddress(state);
    const { schema: namespace, name, options = '', ...server } = address;
    const { Pool, types } = (await import('pg')).default;
    const pool = new Pool({
      ...server,
      options: `${options} ${SESSION} -c search_path=${namespace}`.trim(),
      application_name: 'sluice',
      max: MOST_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      pipeline: true,
      types: {
        getTypeParser: (oid: number, format?: 'text' | 'binary') =>
          oid === INT8 ? Number : types.getTypeParser(oid, format as 'text'),
      },
    });
    const database = new PostgresDatabase(pool, name);
    try {
      await database.#migrate(address, schema);
      database.#patience = PATIENCE.deadline;
      return database;
    } catch (error) {
      await database.close();
      throw postgresError(error, name);
    }
  }

  reachableFor(milliseconds: number): boolean {
    return !this.#broken && performance.now() - this.#reachableSince >= milliseconds;
  }

  /** One change is a transaction too: after a break, its fate can be asked for. */
  run(sql: string, ...values: Value[]): Promise<number> {
    return this.transaction((inside) => inside.run(sql, ...values));
  }

  runEach(sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
    return this.transaction((inside) => inside.runEach(sql, rows));
  }

  async get<T = Row>(sql: string, ...values: Value[]): Promise<T | undefined> {
    return (await this.all<T>(sql, ...values))[0];
  }

  all<T = Row>(sql: string, ...values: Value[]): Promise<T[]> {
    return this.#patiently(async () => {
      const result = await this.#pool.query(this.#text(sql), values);
      return result.rows as T[];
    });
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#patiently(() => this.#attempt(work));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  /** Until it is done, fails for a reason of its own, or nothing was reached for too long. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw closed();
      try {
        const result = await work();
        if (this.#broken) {
          this.#broken = false;
          this.#reachableSince = performance.now();
        }
        return result;
      } catch (error) {
        const lost = isConnectionLoss(error);
        if (lost) this.#broken = true;
        const again = (lost || isOthersTransaction(error)) && !this.#closed;
        if (!again || performance.now() - begun > this.#patience) throw postgresError(error, this.name);
        await sleep(backoff(attempt, PATIENCE));
      }
    }
  }

  async #attempt<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let result: T;
    let id: string;
    try {
      // Nobody waits for the answer before the first statement: were it an error, that statement would fail with it.
      const begun = client.query('BEGIN; SELECT txid_current() AS id') as unknown as Promise<QueryResult[]>;
      begun.catch(() => undefined);
      result = await work(this.#inside(client));
      id = String((await begun)[1]!.rows[0].id);
    } catch (error) {
      await this.#undo(client, error);
      throw error;
    }
    try {
      await client.query('COMMIT');
    } catch (error) {
      client.release(true);
      if (isConnectionLoss(error) && (await this.#committed(id))) return result;
      throw error;
    }
    client.release();
    return result;
  }

  async #undo(client: PoolClient, error: unknown): Promise<void> {
    if (isConnectionLoss(error)) {
      client.release(true);
      return;
    }
    try {
      await client.query('ROLLBACK');
      client.release();
    } catch {
      client.release(true);
    }
  }

  /**
   * Whether a transaction whose COMMIT got no answer was done. Tried for as long as everything; a server that knows
   * nothing of it (another one took its place) leaves it open, and that is an error.
   */
  async #committed(id: string): Promise<boolean> {
    for (;;) {
      const ask = this.get<{ status: string | null }>('SELECT txid_status(CAST(? AS BIGINT)) AS status', id);
      const row = await ask.catch((error: unknown) => {
        if (isError(error)) throw error;
        return undefined;
      });
      if (row?.status === 'committed') return true;
      if (row?.status === 'aborted') return false;
      if (row?.status !== 'in progress') {
        throw new SluiceError('UNAVAILABLE', `${this.name} was lost in the middle of a change.`);
      }
      // The server has not noticed yet that the connection is gone.
      await sleep(100);
    }
  }

  #inside(client: PoolClient): Sql {
    const all = async <T>(sql: string, ...values: Value[]): Promise<T[]> =>
      (await client.query(this.#text(sql), values)).rows as T[];
    return {
      clock: this.clock,
      run: async (sql, ...values) => (await client.query(this.#prepared(sql), values)).rowCount ?? 0,
      runEach: async (sql, rows) => {
        const many = insertRows(sql, rows);
        const statement = this.#prepared(sql);
        // All are on their way at once; after one that fails, the others do nothing.
        const answers = many
          ? many.map((each) => client.query(toPostgres(each.sql), each.values))
          : rows.map((values) => client.query(statement, [...values]));
        for (const answer of answers) answer.catch(() => undefined);
        for (const answer of answers) await answer;
      },
      get: async <T>(sql: string, ...values: Value[]) => (await all<T>(sql, ...values))[0],
      all,
    };
  }

  #text(sql: string): string {
    return this.#prepared(sql).text;
  }

  /**
   * For what changes rows. What reads them must not be prepared by name: its plan is refused once a newer version adds a
   * column to its table.
   */
  #prepared(sql: string): { name: string; text: string } {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = { name: `sluice_${this.#statements.size}`, text: toPostgres(sql) };
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Brings the schema to its newest version, also when two processes try at once. */
  async #migrate({ schema: namespace }: PostgresAddress, { name, steps }: Schema): Promise<void> {
    const version = async (sql: Sql): Promise<number> => {
      const row = await sql.get<{ version: number }>('SELECT version FROM versions WHERE name = ?', name);
      return row?.version ?? 0;
    };
    // A user who may not make tables can still use those that are there.
    const there = await this.get(
      `SELECT 1 AS yes FROM pg_tables WHERE schemaname = ? AND tablename = 'versions'`,
      namespace,
    );
    if (there && (await version(this)) === steps.length) return;
    await this.transaction(async (sql) => {
      await sql.get('SELECT pg_advisory_xact_lock(hashtext(?))', `sluice ${namespace}`);
      const schemas = await sql.all('SELECT 1 AS yes FROM pg_namespace WHERE nspname = ?', namespace);
      if (schemas.length === 0) await sql.run(`CREATE SCHEMA ${namespace}`);
      await sql.run('CREATE TABLE IF NOT EXISTS versions (name TEXT PRIMARY KEY, version BIGINT NOT NULL)');
      const at = await version(sql);
      if (at > steps.length) throw newerVersion(this.name, at, steps.length);
      for (const step of steps.slice(at)) await this.#runScript(sql, toPostgresTables(step));
      await sql.run(
        'INSERT INTO versions (name, version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version',
        name,
        steps.length,
      );
    });
  }

  async #runScript(sql: Sql, script: string): Promise<void> {
    for (const statement of script.split(';')) if (statement.trim() !== '') await sql.run(statement);
  }
}

const closed = (): SluiceError =>
  new SluiceError('UNAVAILABLE', 'The engine is closed.', { retryable: false });
