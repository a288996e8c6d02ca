/** The statements that a stand-in warehouse understands, as its clients quote them. */
export type Parsed =
  | { verb: 'create catalog' | 'create schema' | 'repair' | 'drop'; name: string[] }
  | { verb: 'create table'; name: string[]; location: string };

const NAME = '((?:`(?:[^`]|``)+`\\.?)+)';

export function parseSql(statement: string): Parsed {
  const match = (pattern: string) => new RegExp(`^${pattern}$`, 's').exec(statement);
  const catalog = match(`CREATE CATALOG IF NOT EXISTS ${NAME}`);
  if (catalog) return { verb: 'create catalog', name: names(catalog[1]!) };
  const schema = match(`CREATE SCHEMA IF NOT EXISTS ${NAME}`);
  if (schema) return { verb: 'create schema', name: names(schema[1]!) };
  const repair = match(`MSCK REPAIR TABLE ${NAME} SYNC METADATA`);
  if (repair) return { verb: 'repair', name: names(repair[1]!) };
  const drop = match(`DROP TABLE IF EXISTS ${NAME}`);
  if (drop) return { verb: 'drop', name: names(drop[1]!) };
  const table = match(`CREATE TABLE IF NOT EXISTS ${NAME} USING DELTA LOCATION '((?:[^'\\\\]|\\\\.)*)'`);
  if (table) {
    const location = table[2]!.replaceAll(/\\(.)/gs, '$1');
    return { verb: 'create table', name: names(table[1]!), location };
  }
  throw new Error(`[PARSE_SYNTAX_ERROR] ${statement}`);
}

function names(quoted: string): string[] {
  return [...quoted.matchAll(/`((?:[^`]|``)+)`/g)].map((part) => part[1]!.replaceAll('``', '`'));
}
