/** What PostgreSQL says in other words than SQLite. */

/** `?` as `$1`, `$2`; and without the hints that only SQLite's planner needs. */
export function toPostgres(sql: string): string {
  let at = 0;
  return sql
    .replace(/ INDEXED BY \w+/g, '')
    .replace(/'(?:[^']|'')*'|"[^"]*"|\?/g, (found) => (found === '?' ? `$${++at}` : found));
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
