import { readFileSync } from 'node:fs';
import type { Connection } from '../../base/connections.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';
import { SettingReader } from '../setting-reader.ts';

/** Whose name requests carry. */
export type S3CredentialSettings =
  | { kind: 'anonymous' }
  | { kind: 'static'; accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** The AWS chain: environment, shared files and SSO, web identity, container, instance. */
  | { kind: 'chain'; profile?: string; roleArn?: string; externalId?: string; sessionName?: string };

/** Everything about one S3 endpoint that is not a bucket. Sizes are bytes, times milliseconds. */
export interface S3Settings {
  /** Origin and, where the service has one, a base path; undefined is AWS itself. */
  endpoint?: string;
  region: string;
  /** Undefined: path style for an endpoint of one's own, virtual host on AWS. */
  pathStyle?: boolean;
  credentials: S3CredentialSettings;
  requestPayer: boolean;
  sse?: { algorithm: string; kmsKeyId?: string };
  storageClass?: string;
  acl?: string;
  /** Bytes of one part of an upload. */
  partSize: number;
  /** Larger bodies go by multipart. */
  multipartThreshold: number;
  /** Parts in memory or under way at once, over all uploads of a Store. */
  partConcurrency: number;
  /** Larger objects are copied by parts; S3 itself allows 5 GiB in one request. */
  copyThreshold: number;
  copyPartSize: number;
  /** Open sockets to one host. */
  connections: number;
  connectTimeout: number;
  /** The longest silence, before an answer begins and inside it. */
  timeout: number;
  /** False where ETags of 32 hex digits are not the MD5 of the content (directory buckets, say). */
  etagIsMd5: boolean;
  /** False where If-None-Match and If-Match on a put are ignored or refused. */
  conditionalPut: boolean;
  /** Whether a put may bring a checksum after its body; undefined: on AWS. */
  trailingChecksums?: boolean;
  retry: RetryPolicy;
  tls: { ca?: string; insecure: boolean };
}

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const SETTINGS = [
  ...['endpoint', 'region', 'path_style', 'access_key_id', 'secret_access_key', 'session_token', 'anonymous'],
  ...['profile', 'role_arn', 'external_id', 'role_session_name', 'request_payer', 'sse', 'sse_kms_key_id'],
  ...['storage_class', 'acl', 'part_size', 'multipart_threshold', 'part_concurrency', 'copy_threshold'],
  ...['copy_part_size', 'connections', 'connect_timeout', 'timeout', 'retries', 'etag_is_md5'],
  ...['conditional_put', 'trailing_checksums', 'ca', 'insecure_tls'],
];

/**
 * The settings of a connection of type s3; without one, those of the environment (AWS_ENDPOINT_URL_S3,
 * AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_CA_BUNDLE …). Keys of
 * a connection are in snake case (SETTINGS above): sizes in bytes or as "64MiB", times in seconds.
 * @throws SluiceError BAD_CONFIG, naming the connection and the setting
 */
export function parseS3Connection(
  connection?: Connection,
  env: Record<string, string | undefined> = process.env,
): S3Settings {
  const values: Record<string, unknown> = connection ?? {};
  const read = new SettingReader(connection?.name ?? 'the environment', values);
  read.known(SETTINGS, 'S3');
  const settings: S3Settings = {
    region: read.text('region') ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1',
    credentials: credentialSettings(read, env),
    requestPayer: read.flag('request_payer') ?? false,
    partSize: read.size('part_size', 5 * MiB) ?? 8 * MiB,
    multipartThreshold: read.size('multipart_threshold', 1) ?? 128 * MiB,
    partConcurrency: read.count('part_concurrency') ?? 6,
    copyThreshold: read.size('copy_threshold', 1) ?? 5 * GiB,
    copyPartSize: read.size('copy_part_size', 5 * MiB) ?? 512 * MiB,
    connections: read.count('connections') ?? 64,
    connectTimeout: read.seconds('connect_timeout') ?? 10_000,
    timeout: read.seconds('timeout') ?? 60_000,
    etagIsMd5: read.flag('etag_is_md5') ?? true,
    conditionalPut: read.flag('conditional_put') ?? true,
    retry: { ...DEFAULT_RETRY },
    tls: { insecure: read.flag('insecure_tls') ?? false },
  };
  const retries = read.count('retries', 0);
  if (retries !== undefined) settings.retry.attempts = retries + 1;
  // A connection says all about its endpoint: an AWS_ENDPOINT_URL beside it is about something else.
  const endpoint = connection
    ? read.text('endpoint')
    : (env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL) || undefined;
  if (endpoint !== undefined) settings.endpoint = parseEndpoint(read, endpoint);
  const trailing = read.flag('trailing_checksums');
  if (trailing !== undefined) settings.trailingChecksums = trailing;
  const pathStyle = read.flag('path_style');
  if (pathStyle !== undefined) settings.pathStyle = pathStyle;
  const algorithm = read.text('sse');
  if (algorithm !== undefined) {
    if (!['AES256', 'aws:kms', 'aws:kms:dsse'].includes(algorithm)) {
      throw read.bad('sse', 'must be AES256, aws:kms or aws:kms:dsse');
    }
    const kmsKeyId = read.text('sse_kms_key_id');
    settings.sse = { algorithm, ...(kmsKeyId !== undefined && { kmsKeyId }) };
  }
  const storageClass = read.text('storage_class');
  if (storageClass !== undefined) settings.storageClass = storageClass;
  const acl = read.text('acl');
  if (acl !== undefined) settings.acl = acl;
  const ca = read.text('ca') ?? (env.AWS_CA_BUNDLE || undefined);
  if (ca !== undefined) settings.tls.ca = ca.includes('-----BEGIN') ? ca : readCa(read, ca);
  return settings;
}

function credentialSettings(
  read: SettingReader,
  env: Record<string, string | undefined>,
): S3CredentialSettings {
  if (read.flag('anonymous')) return { kind: 'anonymous' };
  const accessKeyId = read.text('access_key_id');
  const secretAccessKey = read.text('secret_access_key');
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw read.bad(
      accessKeyId === undefined ? 'access_key_id' : 'secret_access_key',
      'is missing: both belong together',
    );
  }
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    const sessionToken = read.text('session_token');
    return { kind: 'static', accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  }
  const chain = {
    profile: read.text('profile'),
    roleArn: read.text('role_arn'),
    externalId: read.text('external_id'),
    sessionName: read.text('role_session_name'),
  };
  // The chain begins with these two; taking them here spares loading it.
  if (!chain.profile && !chain.roleArn && env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY) {
    return {
      kind: 'static',
      accessKeyId: env.AWS_ACCESS_KEY_ID,
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
      ...(env.AWS_SESSION_TOKEN && { sessionToken: env.AWS_SESSION_TOKEN }),
    };
  }
  const given = Object.entries(chain).filter(([, value]) => value !== undefined);
  return { kind: 'chain', ...Object.fromEntries(given) };
}

function parseEndpoint(read: SettingReader, endpoint: string): string {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `https://${endpoint}`);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) {
    throw read.bad('endpoint', 'must be an address such as https://s3.example.com or http://127.0.0.1:9000');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function readCa(read: SettingReader, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw read.bad('ca', `names ${path}, which cannot be read: ${(error as Error).message}`);
  }
}
