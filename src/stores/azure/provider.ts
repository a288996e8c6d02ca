import { SluiceError } from '../../base/errors.ts';
import type { StoreProvider } from '../open.ts';
import type { ContainerName } from './container.ts';
import { parseAzureConnection } from './settings.ts';

/**
 * `az://container/path` (the account is the connection's), `abfss://container@account.dfs.core.windows.net/path`,
 * `wasbs://container@account.blob.core.windows.net/path`, `https://account.blob.core.windows.net/container/path`.
 * Nothing in the path is decoded.
 */
export const azureProvider: StoreProvider = {
  schemes: ['az', 'azure', 'abfs', 'abfss', 'wasb', 'wasbs', 'https'],
  connectionTypes: ['azure'],
  locate(uri) {
    const { path, ...name } = parseUri(uri);
    return { container: JSON.stringify(name), path };
  },
  async open(container, connection) {
    const { AzureStore } = await import('./store.ts');
    return new AzureStore(parseAzureConnection(connection), JSON.parse(container) as ContainerName);
  },
};

function parseUri(uri: string): ContainerName & { path: string } {
  const match = /^([a-z]+):\/\/([^/]*)(?:\/(.*))?$/is.exec(uri);
  const scheme = match?.[1]?.toLowerCase();
  const authority = match?.[2] ?? '';
  const path = match?.[3] ?? '';
  if (scheme === 'https') return parseHttps(uri, authority, path);
  const [container = '', host] = authority.split('@', 2);
  if (container === '') {
    throw new SluiceError(
      'BAD_URI',
      `${uri} names no container: write az://container or az://container/path.`,
    );
  }
  return { container, ...(host !== undefined && accountOf(host)), path };
}

function parseHttps(uri: string, host: string, rest: string): ContainerName & { path: string } {
  if (!/^[^.]+\.(blob|dfs)\./.test(host)) {
    throw new SluiceError(
      'BAD_URI',
      `https://${host} is no storage account: write https://account.blob.core.windows.net/container/path.`,
    );
  }
  if (/[?&]sig=/.test(rest)) {
    throw new SluiceError(
      'BAD_URI',
      `An address with a signature is a secret: give the part after the "?" to a connection as its sas_token, and write https://${host}/container/path.`,
    );
  }
  const slash = rest.indexOf('/');
  const container = slash < 0 ? rest : rest.slice(0, slash);
  if (container === '') {
    throw new SluiceError('BAD_URI', `${uri} names no container: write https://${host}/container/path.`);
  }
  return { container, ...accountOf(host), path: slash < 0 ? '' : rest.slice(slash + 1) };
}

/** Data Lake Storage answers for blobs too, under another name of the same account. */
function accountOf(host: string): { account: string; host: string } {
  return { account: host.split('.', 1)[0]!, host: host.replace('.dfs.', '.blob.') };
}
