import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import type { App } from '../app.ts';
import { SluiceError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { expand } from '../config/expand.ts';
import { parseLakeUri } from '../lake/client/address.ts';
import { type TableArguments, tableArguments } from '../tables/export/hook-args.ts';
import type { Session } from './session.ts';

export interface TableSession {
  app: App;
  /** Of a table export, its source included. */
  spec: { [key: string]: Json | undefined };
}

/**
 * Opens the app with the table settings of a file: sluice.yaml with its `tables`, or one of table settings, of a hook's
 * arguments or a lakeFS action, which stands beside the usual configuration then.
 * @throws SluiceError BAD_CONFIG, NOT_FOUND, BAD_URI
 */
export async function openTables(session: Session, source: string): Promise<TableSession> {
  const { repository } = parseLakeUri(source);
  const own = session.globals.config === undefined ? undefined : ownFile(session.globals.config);
  if (own !== undefined) session.globals.config = undefined;
  const settings = await session.settings();
  if (own === undefined && !settings.tables.some((entry) => entry.repository === repository)) {
    throw new SluiceError(
      'BAD_CONFIG',
      `There are no settings for the tables of the repository "${repository}": add it to "tables" of sluice.yaml, or name a file of such settings with --config.`,
    );
  }
  const found: TableArguments = tableArguments(
    own ?? { tables: settings.tables as unknown as Json[] },
    repository,
  );
  const taken = new Set(settings.connections.map(({ name }) => name));
  for (const connection of found.connections) {
    if (taken.has(connection.name)) {
      throw new SluiceError(
        'BAD_CONFIG',
        `There is a connection "${connection.name}" already: name it in "databricks.connection" instead of giving "host" and its token.`,
      );
    }
  }
  const app = await session.app({
    ...settings,
    connections: [...settings.connections, ...found.connections],
  });
  return { app, spec: { ...found.settings, source } };
}

/** The file's content when it holds table settings; undefined for a sluice.yaml. */
function ownFile(path: string): Json | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new SluiceError('NOT_FOUND', `The file ${path} cannot be read: ${(error as Error).message}`);
  }
  let content: Json;
  try {
    content = parse(text) as Json;
  } catch (error) {
    throw new SluiceError('BAD_CONFIG', `${path} is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return undefined;
  if (!('hooks' in content || 'target_base_location' in content)) return undefined;
  return expanded(content, dirname(path));
}

function expanded(value: Json, folder: string): Json {
  if (typeof value === 'string') {
    const { text, problem } = expand(value, folder, process.env);
    if (problem !== undefined) throw new SluiceError('BAD_CONFIG', problem);
    return text;
  }
  if (Array.isArray(value)) return value.map((each) => expanded(each, folder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, expanded(each ?? null, folder)]),
  );
}
