import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Connection } from '../../base/connections.ts';
import { SluiceError } from '../../base/errors.ts';
import { homeFolder } from '../../base/user.ts';
import { SettingReader } from '../../stores/setting-reader.ts';

export interface LakefsConnection {
  /** Without `/api/v1` and without a '/' at its end. */
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Where each value came from, for people: `LAKEFS_ENDPOINT`, `~/.lakectl.yaml`, `connection "lake"`. */
  from: { endpoint: string; credentials: string };
}

/** One place that settings come from. */
interface Layer {
  name: string;
  endpoint?: string | undefined;
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
}

const ENVIRONMENT = {
  endpoint: ['LAKEFS_ENDPOINT', 'LAKECTL_SERVER_ENDPOINT_URL'],
  accessKeyId: ['LAKEFS_ACCESS_KEY_ID', 'LAKEFS_ACCESS_KEY', 'LAKECTL_CREDENTIALS_ACCESS_KEY_ID'],
  secretAccessKey: ['LAKEFS_SECRET_ACCESS_KEY', 'LAKEFS_SECRET_KEY', 'LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY'],
} as const;

/**
 * The lakeFS to talk to: from a connection of the configuration (`endpoint`, `access_key_id`,
 * `secret_access_key`), else from the environment (LAKEFS_* or LAKECTL_*), else from lakectl's own file
 * (`~/.lakectl.yaml`, or the one LAKECTL_CONFIG_FILE names). The two keys always come from one place.
 * @throws SluiceError BAD_CONFIG, naming what is missing
 */
export function parseLakefsConnection(
  connection: Connection | undefined,
  env: NodeJS.ProcessEnv = process.env,
): LakefsConnection {
  const layers = [fromConnection(connection), fromEnvironment(env), fromLakectl(env)];
  const endpoint = layers.find((layer) => layer.endpoint);
  const keys = layers.find((layer) => layer.accessKeyId || layer.secretAccessKey);
  if (!endpoint) {
    throw badConfig(
      'It is not known where lakeFS is: set LAKEFS_ENDPOINT, or "endpoint" in a connection of type lakefs.',
    );
  }
  if (!keys) {
    throw badConfig(
      'There are no credentials for lakeFS: set LAKEFS_ACCESS_KEY_ID and LAKEFS_SECRET_ACCESS_KEY, or access_key_id and secret_access_key in a connection of type lakefs.',
    );
  }
  if (!keys.accessKeyId || !keys.secretAccessKey) {
    const missing = keys.accessKeyId ? 'secret_access_key' : 'access_key_id';
    throw badConfig(
      `The credentials for lakeFS from ${keys.name} lack ${missing}: both keys must come from one place.`,
    );
  }
  return {
    endpoint: parseEndpoint(endpoint.endpoint!),
    accessKeyId: keys.accessKeyId,
    secretAccessKey: keys.secretAccessKey,
    from: { endpoint: endpoint.name, credentials: keys.name },
  };
}

/** Takes `http://host:8000`, with or without `/api/v1`. @throws SluiceError BAD_CONFIG */
export function parseEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw badConfig(
      `The lakeFS endpoint ${JSON.stringify(text)} must begin with http:// or https://, as in http://127.0.0.1:8000.`,
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    throw badConfig(
      'The lakeFS endpoint must hold neither credentials nor a query; give the keys by themselves.',
    );
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '');
  return `${url.origin}${path.replace(/\/+$/, '')}`;
}

function fromConnection(connection: Connection | undefined): Layer {
  if (!connection) return { name: '' };
  // A misspelled endpoint would leave it to the environment which server gets these keys.
  new SettingReader(connection.name, connection).known(
    ['endpoint', 'access_key_id', 'secret_access_key', 'via'],
    'lakeFS',
  );
  const setting = (name: string): string | undefined => {
    const value = connection[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw badConfig(`"${name}" of connection "${connection.name}" must be a text.`);
  };
  return {
    name: `connection "${connection.name}"`,
    endpoint: setting('endpoint'),
    accessKeyId: setting('access_key_id'),
    secretAccessKey: setting('secret_access_key'),
  };
}

function fromEnvironment(env: NodeJS.ProcessEnv): Layer {
  const first = (names: readonly string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => value);
  return {
    name: 'the environment',
    endpoint: first(ENVIRONMENT.endpoint),
    accessKeyId: first(ENVIRONMENT.accessKeyId),
    secretAccessKey: first(ENVIRONMENT.secretAccessKey),
  };
}

/** lakectl's configuration; keys may be nested or written with dots. */
function fromLakectl(env: NodeJS.ProcessEnv): Layer {
  const path = env.LAKECTL_CONFIG_FILE || join(homeFolder(env), '.lakectl.yaml');
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !env.LAKECTL_CONFIG_FILE) return { name: path };
    // The parser's own message would quote lines of the file, and with them secrets.
    const why = (error as NodeJS.ErrnoException).code ?? 'it is not valid YAML';
    throw badConfig(`lakectl's configuration ${path} cannot be read (${why}).`);
  }
  const setting = (section: string, name: string): string | undefined => {
    const root = (content ?? {}) as Record<string, unknown>;
    const nested = (root[section] as Record<string, unknown> | undefined)?.[name];
    const value = nested ?? root[`${section}.${name}`];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    name: path,
    endpoint: setting('server', 'endpoint_url'),
    accessKeyId: setting('credentials', 'access_key_id'),
    secretAccessKey: setting('credentials', 'secret_access_key'),
  };
}

function badConfig(message: string): SluiceError {
  return new SluiceError('BAD_CONFIG', message);
}
