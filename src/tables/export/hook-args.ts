import type { Connection } from '../../base/connections.ts';
import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';

type Fields = { [key: string]: Json | undefined };

export interface TableArguments {
  /** Settings of a table export but for its source; secrets taken out. */
  settings: Fields;
  /** What the secrets became: connections that belong to these settings alone. */
  connections: Connection[];
}

/**
 * Reads a file of table settings: those of an export by themselves, the arguments of a lakeFS hook as they are, a whole
 * lakeFS action file, or the `tables` list of sluice.yaml. Host and secret of `databricks` become a connection, since
 * jobs carry names only.
 * @param repository which entry of a `tables` list is meant
 * @throws SluiceError BAD_CONFIG
 */
export function tableArguments(file: Json, repository: string): TableArguments {
  const { databricks, ...settings } = argumentsOf(file, repository);
  delete settings.repository;
  delete settings.branches;
  if (databricks === undefined || databricks === null) return { settings, connections: [] };
  const { host, token, client_id, client_secret, ...rest } = fieldsOf(databricks, '"databricks"');
  if (host === undefined) return { settings: { ...settings, databricks: rest }, connections: [] };
  const name = 'databricks';
  const connection: Connection = { name, type: 'databricks', host, token, client_id, client_secret };
  return {
    settings: { ...settings, databricks: { ...rest, connection: name } },
    connections: [connection],
  };
}

function argumentsOf(file: Json, repository: string): Fields {
  const fields = fieldsOf(file, 'The file');
  if (Array.isArray(fields.hooks)) {
    for (const hook of fields.hooks) {
      const properties = fieldsOf(hook, 'A hook').properties;
      const args = properties === undefined ? undefined : fieldsOf(properties, '"properties"').args;
      if (args !== undefined && 'target_base_location' in fieldsOf(args, '"args"'))
        return fieldsOf(args, '"args"');
    }
    throw bad('It has hooks, but none whose arguments name a "target_base_location"');
  }
  if (Array.isArray(fields.tables)) {
    const entries = fields.tables.map((entry) => fieldsOf(entry, 'An entry of "tables"'));
    const found = entries.find((entry) => entry.repository === repository);
    if (found) return found;
    throw bad(`Its "tables" have no entry for the repository "${repository}"`);
  }
  return fields;
}

function fieldsOf(value: Json | undefined, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw bad(`${what} must be an object of settings`);
}

const bad = (why: string): SluiceError =>
  new SluiceError('BAD_CONFIG', `The table settings cannot be read. ${why}.`);
