import { readFileSync } from 'node:fs';
import type { Connection } from '../../base/connections.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';
import { SettingReader } from '../setting-reader.ts';

/** Whose name requests carry. */
export type GcsCredentials =
  | { kind: 'anonymous' }
  /** An OAuth access token. */
  | { kind: 'token'; token: string }
  /** A service account's key, or any other credentials file of Google's as JSON. */
  | { kind: 'key'; key: Record<string, unknown> }
  /** Application default credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud, the instance. */
  | { kind: 'default' };

/** Sizes are bytes, times milliseconds. */
export interface GcsSettings {
  /** Origin, without a path. */
  endpoint: string;
  credentials: GcsCredentials;
  /** Signs presigned addresses when requests carry a token. */
  signingKey?: Record<string, unknown>;
  project?: string;
  /** Who pays for requests to buckets that make the requester pay. */
  userProject?: string;
  storageClass?: string;
  /** Bytes of one request of an upload, a multiple of 256 KiB; each upload holds so many in memory. */
  chunkSize: number;
  connections: number;
  connectTimeout: number;
  /** The longest silence. */
  timeout: number;
  retry: RetryPolicy;
}

const SETTINGS = [
  ...['endpoint', 'project', 'key_file', 'credentials', 'token', 'anonymous', 'user_project'],
  ...['storage_class', 'chunk_size', 'connections', 'connect_timeout', 'timeout', 'retries'],
];
const UNIT = 256 * 1024;

/**
 * The settings of a connection of type gcs; without one, those of the environment
 * (GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_CLOUD_PROJECT, STORAGE_EMULATOR_HOST). An endpoint of one's own
 * without credentials is asked anonymously.
 * @throws SluiceError BAD_CONFIG, naming the connection and the setting
 */
export function parseGcsConnection(
  connection?: Connection,
  env: Record<string, string | undefined> = process.env,
): GcsSettings {
  const read = new SettingReader(connection?.name ?? 'the environment', connection ?? {});
  read.known(SETTINGS, 'GCS');
  const given = read.text('endpoint') ?? (connection ? undefined : env.STORAGE_EMULATOR_HOST || undefined);
  const key = keyOf(read, connection?.credentials);
  const token = read.text('token');
  const settings: GcsSettings = {
    endpoint: given === undefined ? 'https://storage.googleapis.com' : originOf(read, given),
    credentials: { kind: 'default' },
    chunkSize: Math.ceil((read.size('chunk_size', UNIT) ?? 8 * 1024 * 1024) / UNIT) * UNIT,
    connections: read.count('connections') ?? 64,
    connectTimeout: read.seconds('connect_timeout') ?? 10_000,
    timeout: read.seconds('timeout') ?? 60_000,
    retry: { ...DEFAULT_RETRY },
  };
  if (token !== undefined) {
    settings.credentials = { kind: 'token', token };
    if (key) settings.signingKey = key;
  } else if (key) settings.credentials = { kind: 'key', key };
  else if (read.flag('anonymous') ?? given !== undefined) settings.credentials = { kind: 'anonymous' };
  const retries = read.count('retries', 0);
  if (retries !== undefined) settings.retry.attempts = retries + 1;
  const project = read.text('project') ?? (env.GOOGLE_CLOUD_PROJECT || undefined);
  if (project !== undefined) settings.project = project;
  const userProject = read.text('user_project');
  if (userProject !== undefined) settings.userProject = userProject;
  const storageClass = read.text('storage_class');
  if (storageClass !== undefined) settings.storageClass = storageClass;
  return settings;
}

function keyOf(read: SettingReader, inline: unknown): Record<string, unknown> | undefined {
  if (inline !== null && typeof inline === 'object') return inline as Record<string, unknown>;
  const path = read.text('key_file');
  const setting = path === undefined ? 'credentials' : 'key_file';
  let json = read.text('credentials');
  if (path !== undefined) {
    try {
      json = readFileSync(path, 'utf8');
    } catch {
      throw read.bad('key_file', `${path} cannot be read`);
    }
  }
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    throw read.bad(setting, 'is no JSON');
  }
}

function originOf(read: SettingReader, endpoint: string): string {
  try {
    const url = new URL(/^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`);
    return url.origin;
  } catch {
    throw read.bad('endpoint', `${endpoint} is no address, such as https://storage.googleapis.com`);
  }
}
