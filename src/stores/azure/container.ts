import type { ContainerClient } from '@azure/storage-blob';
import { SluiceError } from '../../base/errors.ts';
import type { AzureSettings } from './settings.ts';

/** One container, as `locate` names it: with the account and host of the address, where that has them. */
export interface ContainerName {
  container: string;
  account?: string;
  /** Such as account.blob.core.windows.net. */
  host?: string;
}

/** The address of the account that a container is in. @throws SluiceError BAD_CONFIG */
export function endpointOf(settings: AzureSettings, name: ContainerName): string {
  const account = name.account ?? settings.account;
  if (settings.endpoint !== undefined && (name.account === undefined || name.account === settings.account)) {
    return settings.endpoint;
  }
  if (name.host !== undefined) return `https://${name.host}`;
  if (account !== undefined) return `https://${account}.blob.core.windows.net`;
  throw new SluiceError(
    'BAD_CONFIG',
    `az://${name.container} does not say which storage account it is in: give the connection an account, set AZURE_STORAGE_ACCOUNT, or write abfss://${name.container}@account.dfs.core.windows.net/.`,
  );
}

/** Loads the SDK and makes its client; it does not repeat requests by itself, the Store does. */
export async function containerClient(
  settings: AzureSettings,
  name: ContainerName,
): Promise<ContainerClient> {
  const azure = await import('@azure/storage-blob');
  const { credentials } = settings;
  const endpoint = endpointOf(settings, name);
  const options = { retryOptions: { maxTries: 1 }, keepAliveOptions: { enable: true } };
  const url = `${endpoint}/${encodeURIComponent(name.container)}`;
  if (credentials.kind === 'sas') {
    return new azure.ContainerClient(`${url}?${credentials.token}`, new azure.AnonymousCredential(), options);
  }
  if (credentials.kind === 'anonymous') {
    return new azure.ContainerClient(url, new azure.AnonymousCredential(), options);
  }
  if (credentials.kind === 'key') {
    const account = settings.account ?? name.account!;
    const credential = new azure.StorageSharedKeyCredential(account, credentials.key);
    return new azure.ContainerClient(url, credential, options);
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new azure.ContainerClient(url, new DefaultAzureCredential(), options);
}
