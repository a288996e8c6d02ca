import type { Database, Schema } from './sql.ts';

/** Whether a state is an address of PostgreSQL rather than a folder. */
export function isPostgres(state: string): boolean {
  return /^postgres(ql)?:\/\//i.test(state);
}

/**
 * Opens a schema's tables in a state, made and brought to the newest version where needed.
 * @param state a folder, or postgres://user:password@host/database
 * @throws SluiceError BAD_CONFIG, ACCESS_DENIED, UNAVAILABLE, NO_SPACE, CORRUPT, CONFLICT (a newer version's)
 */
export async function openDatabase(state: string, schema: Schema): Promise<Database> {
  if (isPostgres(state)) return (await import('./postgres.ts')).PostgresDatabase.open(state, schema);
  return new (await import('./sqlite.ts')).SqliteDatabase(state, schema);
}
