/** What PostgreSQL says in other words than SQLite. */

/** `?` as `$1`, `$2`; and without the hints that only SQLite's planner needs. */
export function toPostgres(sql: string): string {
  let at = 0;
  return sql
    .replace(/ INDEXED BY \w+/g, '')
    .replace(/'(?:[^']|'')*'|"[^"]*"|\?/g, (found) => (found === '?' ? `$${++at}` : found));
}

/** Rows of one INSERT: the protocol allows 65,535 values. */
const MOST_ROWS = 500;

/** An INSERT of one row as INSERTs of many; undefined for any other statement. */
export function insertRows<T>(
  sql: string,
  rows: readonly (readonly T[])[],
): { sql: string; values: T[] }[] | undefined {
  const [, before, row, after] = /^(\s*INSERT INTO .*? VALUES )(\([^()]*\))(.*)$/s.exec(sql) ?? [];
  if (row === undefined) return undefined;
  const statements = [];
  for (let i = 0; i < rows.length; i += MOST_ROWS) {
    const some = rows.slice(i, i + MOST_ROWS);
    statements.push({ sql: before + some.map(() => row).join(', ') + after, values: some.flat() });
  }
  return statements;
}

/** Tables. `C` compares text byte by byte, whatever the database's language. */
export function toPostgresTables(sql: string): string {
  return sql
    .replace(/--.*$/gm, '')
    .replace(/\bINTEGER PRIMARY KEY( AUTOINCREMENT)?/g, 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY')
    .replace(/\bINTEGER\b/g, 'BIGINT')
    .replace(/\bTEXT\b/g, 'TEXT COLLATE "C"')
    .replace(/\)\s*(STRICT|WITHOUT ROWID|STRICT, WITHOUT ROWID)\s*;/g, ');');
}
