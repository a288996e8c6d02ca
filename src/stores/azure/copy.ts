import { SluiceError } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';
import { pause } from '../retry.ts';
import type { CopyOptions, ObjectProperties } from '../store.ts';
import type { AzureClient } from './client.ts';
import { conditionsOf, headersOf } from './info.ts';
import { metadataToAzure } from './metadata.ts';

/**
 * Copies inside Azure by "Copy Blob", of any size; waits until it is done. Other HTTP headers than those of
 * the source are set afterwards, because a copy takes none.
 */
export async function copyBlob(
  client: AzureClient,
  source: { client: AzureClient; key: string },
  key: string,
  options: CopyOptions,
  properties: ObjectProperties,
): Promise<void> {
  const { signal, ifNoneMatch, sourceIfMatch } = options;
  const blob = await client.blob(key);
  const url = await sourceUrl(client, source);
  const tier = properties.storageClass ?? client.settings.accessTier;
  const asked = { action: `copy ${source.client.name}/${source.key} to`, key, signal };
  let { copyStatus } = await client.run(asked, async (abortSignal) => {
    const poller = await blob.beginCopyFromURL(url, {
      abortSignal,
      conditions: conditionsOf({ ifNoneMatch }),
      sourceConditions: conditionsOf({ ifMatch: sourceIfMatch }),
      ...(properties.metadata && { metadata: metadataToAzure(properties.metadata) }),
      ...(tier !== undefined && { tier }),
      intervalInMs: 1,
    });
    return (poller.getOperationState() as { result?: { copyStatus?: string } }).result ?? {};
  });
  for (let wait = 10; copyStatus !== 'success'; wait = Math.min(wait * 2, 5000)) {
    const facts = await client.run(asked, (abortSignal) => blob.getProperties({ abortSignal }));
    copyStatus = facts.copyStatus;
    if (copyStatus === 'failed' || copyStatus === 'aborted') {
      throw new StoreError(
        'UNAVAILABLE',
        `The copy of ${source.key} to ${key} in ${client.name} ${copyStatus}: ${facts.copyStatusDescription ?? ''}`,
        { store: client.name, key },
      );
    }
    if (copyStatus !== 'success') await pause(wait, signal);
  }
  const changed = headersOf(properties);
  if (Object.keys(changed).length > 0) {
    const { contentMD5, ...now } = await client.run(asked, (abortSignal) =>
      blob.getProperties({ abortSignal }),
    );
    const headers = {
      ...headersOf(now, contentMD5 && Buffer.from(contentMD5).toString('hex')),
      ...changed,
    };
    await client.run(asked, (abortSignal) => blob.setHTTPHeaders(headers, { abortSignal }));
  }
}

/** Within an account these credentials do; the address of another account is signed for an hour. */
async function sourceUrl(client: AzureClient, source: { client: AzureClient; key: string }): Promise<string> {
  const blob = await source.client.blob(source.key);
  if (source.client.endpoint === client.endpoint) return blob.url;
  const { kind } = source.client.settings.credentials;
  if (kind === 'sas') return blob.url;
  if (kind !== 'key') {
    throw new SluiceError('UNSUPPORTED', `${source.client.name} cannot be read by ${client.name} itself.`);
  }
  const { BlobSASPermissions } = await import('@azure/storage-blob');
  return blob.generateSasUrl({
    permissions: BlobSASPermissions.parse('r'),
    expiresOn: new Date(Date.now() + 24 * 3600_000),
  });
}
