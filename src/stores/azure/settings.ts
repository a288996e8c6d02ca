import type { Connection } from '../../base/connections.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';
import { SettingReader } from '../setting-reader.ts';

/** Whose name requests carry. */
export type AzureCredentials =
  | { kind: 'anonymous' }
  | { kind: 'key'; key: string }
  /** A shared access signature, without its question mark. */
  | { kind: 'sas'; token: string }
  /** The chain of @azure/identity: environment, workload, managed identity, Azure CLI … */
  | { kind: 'identity' };

/** Sizes are bytes. */
export interface AzureSettings {
  account?: string;
  /** Of the account: https://account.blob.core.windows.net, or an emulator's with the account as its path. */
  endpoint?: string;
  credentials: AzureCredentials;
  /** Such as Hot, Cool, Cold, Archive. */
  accessTier?: string;
  /** Bytes of one block of an upload. */
  blockSize: number;
  /** Blocks of one upload under way at once. */
  blockConcurrency: number;
  /** Milliseconds until an answer begins, and of silence inside it. */
  timeout: number;
  retry: RetryPolicy;
}

const SETTINGS = [
  ...['account', 'endpoint', 'connection_string', 'key', 'sas_token', 'anonymous', 'access_tier'],
  ...['block_size', 'block_concurrency', 'timeout', 'retries'],
];
const MiB = 1024 * 1024;

/**
 * The settings of a connection of type azure; without one, those of the environment
 * (AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN). With
 * no key and no signature, the identity chain is asked.
 * @throws SluiceError BAD_CONFIG, naming the connection and the setting
 */
export function parseAzureConnection(
  connection?: Connection,
  env: Record<string, string | undefined> = process.env,
): AzureSettings {
  const read = new SettingReader(connection?.name ?? 'the environment', connection ?? {});
  read.known(SETTINGS, 'Azure');
  const ofEnv = (name: string): string | undefined => (connection ? undefined : env[name] || undefined);
  const text = read.text('connection_string') ?? ofEnv('AZURE_STORAGE_CONNECTION_STRING');
  const parts = text === undefined ? {} : partsOf(read, text);
  const account = read.text('account') ?? parts.AccountName ?? ofEnv('AZURE_STORAGE_ACCOUNT');
  const key = read.text('key') ?? parts.AccountKey ?? ofEnv('AZURE_STORAGE_KEY');
  const sas = read.text('sas_token') ?? parts.SharedAccessSignature ?? ofEnv('AZURE_STORAGE_SAS_TOKEN');
  const settings: AzureSettings = {
    credentials: { kind: 'identity' },
    blockSize: read.size('block_size', 64 * 1024) ?? 8 * MiB,
    blockConcurrency: read.count('block_concurrency') ?? 4,
    timeout: read.seconds('timeout') ?? 60_000,
    retry: { ...DEFAULT_RETRY },
  };
  if (key !== undefined && account === undefined) throw read.bad('key', 'needs the name of its account');
  if (read.flag('anonymous')) settings.credentials = { kind: 'anonymous' };
  else if (key !== undefined) settings.credentials = { kind: 'key', key };
  else if (sas !== undefined) settings.credentials = { kind: 'sas', token: sas.replace(/^\?/, '') };
  if (account !== undefined) settings.account = account;
  const endpoint = read.text('endpoint') ?? parts.BlobEndpoint ?? endpointOf(parts, account);
  if (endpoint !== undefined) {
    if (!URL.canParse(endpoint)) throw read.bad('endpoint', `${endpoint} is no address`);
    settings.endpoint = endpoint.replace(/\/+$/, '');
  }
  const accessTier = read.text('access_tier');
  if (accessTier !== undefined) settings.accessTier = accessTier;
  const retries = read.count('retries', 0);
  if (retries !== undefined) settings.retry.attempts = retries + 1;
  return settings;
}

/** `Name=value;Name=value`; values may hold `=`. */
function partsOf(read: SettingReader, text: string): Record<string, string> {
  const parts: Record<string, string> = {};
  for (const part of text.split(';')) {
    const at = part.indexOf('=');
    if (at > 0) parts[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  if (parts.AccountName === undefined && parts.BlobEndpoint === undefined) {
    throw read.bad('connection_string', 'names neither AccountName nor BlobEndpoint');
  }
  return parts;
}

function endpointOf(parts: Record<string, string>, account: string | undefined): string | undefined {
  if (account === undefined || parts.EndpointSuffix === undefined) return undefined;
  return `${parts.DefaultEndpointsProtocol ?? 'https'}://${account}.blob.${parts.EndpointSuffix}`;
}
