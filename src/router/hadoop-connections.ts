import type { Connection } from '../base/connections.ts';
import { badConfig } from './mapping.ts';
import type { Setting } from './routerfs.ts';
import { splitUri, typeOfScheme } from './uri.ts';

/** A scheme that targets use, and the type of Connection it needs. */
export interface TargetScheme {
  scheme: string;
  type: string;
}

/** What is read after `fs.<scheme>.`, and the setting of the Connection that it becomes. */
const S3_SETTINGS: Record<string, string> = {
  endpoint: 'endpoint',
  region: 'region',
  'endpoint.region': 'region',
  'access.key': 'access_key_id',
  'secret.key': 'secret_access_key',
  'session.token': 'session_token',
  'path.style.access': 'path_style',
  'connection.ssl.enabled': 'ssl',
  'trailing.checksums': 'trailing_checksums',
};
const LAKEFS_SETTINGS: Record<string, string> = {
  endpoint: 'endpoint',
  'access.key': 'access_key_id',
  'secret.key': 'secret_access_key',
};
const GCS_SETTINGS: Record<string, string> = {
  endpoint: 'endpoint',
  'storage.root.url': 'endpoint',
  'project.id': 'project',
  'auth.service.account.json.keyfile': 'key_file',
};
const AZURE_SETTINGS: Record<string, string> = {
  endpoint: 'endpoint',
  'account.name': 'account',
  'account.key': 'key',
  'sas.token': 'sas_token',
};

/**
 * Makes Connections of `fs.<scheme>.*`, one for each scheme of a target, and one more for each bucket with
 * settings of its own (`fs.s3a.bucket.<bucket>.*`, which inherit the scheme's).
 *
 * An S3 scheme without settings of its own takes those of `fs.s3a.*`, as Hadoop's S3AFileSystem does
 * under any scheme. It takes all of them or none: an endpoint never meets the keys of another.
 *
 * @param targets URIs of targets, which tell the Azure accounts in use
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function hadoopConnections(
  settings: readonly Setting[],
  schemes: readonly TargetScheme[],
  targets: readonly string[],
): { connections: Connection[]; use: Record<string, string> } {
  const connections: Connection[] = [];
  const use: Record<string, string> = {};
  const add = (prefix: string, connection: Connection): void => {
    connections.push(connection);
    use[prefix] = connection.name;
  };
  for (const { scheme, type } of schemes) {
    if (type === 's3') {
      for (const [bucket, connection] of s3Connections(settings, scheme)) {
        add(bucket === '' ? `${scheme}://` : `${scheme}://${bucket}/`, connection);
      }
    } else if (type === 'azure') {
      add(`${scheme}://`, azureConnection(settings, scheme));
      for (const [authority, connection] of azureAccounts(settings, scheme, targets)) {
        add(`${scheme}://${authority}/`, connection);
      }
    } else {
      add(`${scheme}://`, otherConnection(settings, scheme, type));
    }
  }
  return { connections, use };
}

/** What stands under the name of each type of Connection. */
const SETTINGS_OF: Record<string, Readonly<Record<string, string>>> = {
  s3: S3_SETTINGS,
  lakefs: LAKEFS_SETTINGS,
  gcs: GCS_SETTINGS,
  azure: AZURE_SETTINGS,
};

/**
 * Sentences about settings that nothing reads, which are typing errors, most likely. Only of schemes of the user's
 * own: those that Hadoop knows have many settings that mean nothing here.
 */
export function unreadSettings(settings: readonly Setting[], schemes: readonly TargetScheme[]): string[] {
  const warnings: string[] = [];
  for (const { scheme, type } of schemes) {
    if (typeOfScheme(scheme) !== undefined) continue;
    const names = ['impl', ...Object.keys(SETTINGS_OF[type] ?? {})];
    for (const { key, origin } of settings) {
      if (!key.startsWith(`fs.${scheme}.`)) continue;
      const name = key.slice(`fs.${scheme}.`.length);
      const ofBucket = type === 's3' && name.startsWith('bucket.');
      if (names.some((known) => (ofBucket ? name.endsWith(`.${known}`) : name === known))) continue;
      warnings.push(
        `${origin}: ${key} is not read: what fs.${scheme}. may be followed by is ${names.join(', ')}.`,
      );
    }
  }
  return warnings;
}

/** By bucket; '' for the scheme as a whole. */
function s3Connections(settings: readonly Setting[], scheme: string): Map<string, Connection> {
  const own = read(settings, `fs.${scheme}.`, S3_SETTINGS);
  const group = own.size > 0 ? scheme : 's3a';
  const base = own.size > 0 ? own : read(settings, 'fs.s3a.', S3_SETTINGS);
  const found = new Map([['', s3Connection(scheme, base)]]);
  const names = Object.keys(S3_SETTINGS).map((name) => name.replaceAll('.', '\\.'));
  const pattern = new RegExp(`^fs\\.([^.]+)\\.bucket\\.(.+?)\\.(?:${names.join('|')})$`);
  for (const { key } of settings) {
    const match = pattern.exec(key);
    const bucket = match?.[2];
    if (bucket === undefined || (match![1] !== scheme && match![1] !== group) || found.has(bucket)) continue;
    const merged = new Map(base);
    for (const each of new Set([group, scheme])) {
      for (const [name, setting] of read(settings, `fs.${each}.bucket.${bucket}.`, S3_SETTINGS)) {
        merged.set(name, setting);
      }
    }
    found.set(bucket, s3Connection(`${scheme}.bucket.${bucket}`, merged));
  }
  return found;
}

function s3Connection(name: string, read: ReadonlyMap<string, Setting>): Connection {
  const connection: Connection = { name, type: 's3' };
  checkKeyPair(read);
  for (const [to, setting] of read) {
    if (to === 'path_style' || to === 'trailing_checksums') connection[to] = asBoolean(setting);
    else if (to !== 'ssl') connection[to] = setting.value;
  }
  const ssl = read.get('ssl');
  const endpoint = read.get('endpoint');
  if (endpoint) connection.endpoint = withProtocol(endpoint, ssl === undefined || asBoolean(ssl));
  return connection;
}

function otherConnection(settings: readonly Setting[], scheme: string, type: string): Connection {
  const connection: Connection = { name: scheme, type };
  if (type === 'lakefs') {
    const found = read(settings, `fs.${scheme}.`, LAKEFS_SETTINGS);
    checkKeyPair(found);
    for (const [to, { value }] of found) connection[to] = value;
    const endpoint = found.get('endpoint');
    if (endpoint) connection.endpoint = withProtocol(endpoint, true).replace(/\/api\/v1\/?$/, '');
  } else if (type === 'gcs') {
    const general = read(settings, 'google.cloud.', GCS_SETTINGS);
    const own = read(settings, `fs.${scheme}.`, GCS_SETTINGS);
    const found = own.size > 0 ? own : read(settings, 'fs.gs.', GCS_SETTINGS);
    for (const [to, { value }] of [...general, ...found]) connection[to] = value;
  }
  return connection;
}

function azureConnection(settings: readonly Setting[], scheme: string): Connection {
  const connection: Connection = { name: scheme, type: 'azure' };
  const own = read(settings, `fs.${scheme}.`, AZURE_SETTINGS);
  for (const [to, { value }] of own) connection[to] = value;
  const accounts = azureAccountSettings(settings);
  if (own.size === 0 && accounts.size === 1) {
    for (const [account, credentials] of accounts) Object.assign(connection, { account }, credentials);
  }
  return connection;
}

/** Connections for the accounts that targets name, as in `abfss://container@account.dfs.core.windows.net/`. */
function azureAccounts(
  settings: readonly Setting[],
  scheme: string,
  targets: readonly string[],
): Map<string, Connection> {
  const accounts = azureAccountSettings(settings);
  const found = new Map<string, Connection>();
  for (const target of targets) {
    const parts = splitUri(target);
    const account = parts?.authority.match(/@([^.]+)/)?.[1];
    const credentials = account === undefined ? undefined : accounts.get(account);
    if (parts?.scheme !== scheme || account === undefined || !credentials) continue;
    const name = `${scheme}.${parts.authority}`;
    found.set(parts.authority, { name, type: 'azure', account, ...credentials });
  }
  return found;
}

/** Credentials by account: `fs.azure.account.key.<account>.…`, `fs.azure.sas.fixed.token.<account>.…`. */
function azureAccountSettings(settings: readonly Setting[]): Map<string, Record<string, string>> {
  const accounts = new Map<string, Record<string, string>>();
  for (const { key, value } of settings) {
    const match = /^fs\.azure\.(account\.key|sas\.fixed\.token)\.([^.]+)/.exec(key);
    if (!match) continue;
    const setting = match[1] === 'account.key' ? 'key' : 'sas_token';
    accounts.set(match[2]!, { ...accounts.get(match[2]!), [setting]: value });
  }
  return accounts;
}

function read(
  settings: readonly Setting[],
  prefix: string,
  names: Readonly<Record<string, string>>,
): Map<string, Setting> {
  const found = new Map<string, Setting>();
  for (const setting of settings) {
    const to = setting.key.startsWith(prefix) ? names[setting.key.slice(prefix.length)] : undefined;
    if (to === undefined) continue;
    if (setting.value === '') throw badConfig(setting.origin, `${setting.key} is empty.`);
    found.set(to, setting);
  }
  return found;
}

function checkKeyPair(found: ReadonlyMap<string, Setting>): void {
  const access = found.get('access_key_id');
  const secret = found.get('secret_access_key');
  if (access && !secret)
    throw badConfig(access.origin, `${access.key} is set and its secret key is missing.`);
  if (secret && !access)
    throw badConfig(secret.origin, `${secret.key} is set and its access key is missing.`);
}

function asBoolean({ key, value, origin }: Setting): boolean {
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  throw badConfig(origin, `${key} must be true or false and is "${value}".`);
}

function withProtocol({ key, value, origin }: Setting, ssl: boolean): string {
  const text = /^https?:\/\//i.test(value) ? value : `${ssl ? 'https' : 'http'}://${value}`;
  // Another protocol, or a slash too few, would be taken for a host's name.
  if (URL.canParse(text) && !/^https?:\/\/[^/]*:\//i.test(text)) return text;
  throw badConfig(origin, `${key} must be an address such as https://host:9000 and is "${value}".`);
}
