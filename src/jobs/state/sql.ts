/** What can be kept in a column. Times are milliseconds since 1970, yes and no are 1 and 0. */
export type Value = string | number | null;
export type Row = Record<string, Value>;

/**
 * Statements in the SQL that SQLite and PostgreSQL have in common, with `?` for values. Text is compared byte by byte.
 * Every method may throw SluiceError UNAVAILABLE, NO_SPACE, ACCESS_DENIED or CORRUPT.
 */
export interface Sql {
  /** An expression: milliseconds since 1970 by the database's clock, the same for all who share it. */
  readonly clock: string;
  /** Changes rows; gives how many. */
  run(sql: string, ...values: Value[]): Promise<number>;
  /** The same statement for each row of values. */
  runEach(sql: string, rows: readonly (readonly Value[])[]): Promise<void>;
  /** The first row. Outside of a transaction it must only read, as `all`: it is asked again when a connection breaks. */
  get<T = Row>(sql: string, ...values: Value[]): Promise<T | undefined>;
  all<T = Row>(sql: string, ...values: Value[]): Promise<T[]>;
}

/** The tables of one schema, in a file or a server, that any number of processes may share. */
export interface Database extends Sql {
  /** For people; without the password. */
  readonly name: string;
  /**
   * Whether all who share the database could reach it for this long, as far as is known here. After a break, the
   * silence of others says nothing yet.
   */
  reachableFor(milliseconds: number): boolean;
  /**
   * All of the work's statements, or none; others see none before all. The work gets its own Sql, must not use the
   * database itself, and has no other effects: it is done again when it met another's, or the connection broke.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Tables that belong together, and the steps that made them what they are. */
export interface Schema {
  /** Such as `jobs`. */
  readonly name: string;
  /** The name of its SQLite file in the state folder. */
  readonly file: string;
  /**
   * Statements, in SQLite's words; the database remembers how many steps it has seen. A step that was once released
   * never changes: a new one goes to the end, and leaves what older versions use in place, as they may still run.
   */
  readonly steps: readonly string[];
}

/** A pattern of `LIKE ? ESCAPE '!'` for what has this text somewhere in its small letters. */
export function containing(text: string): string {
  return `%${text.toLowerCase().replace(/[!%_]/g, '!$&')}%`;
}
