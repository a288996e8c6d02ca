import { SluiceError } from '../../base/errors.ts';
import type { FileRow } from '../layouts/file.ts';
import type { WeaviateClient } from '../weaviate/client.ts';

/** Makes the tenants that these rows belong to; those that are there already stay as they are. */
export async function makeTenants(
  client: WeaviateClient,
  className: string,
  rows: readonly FileRow[],
  signal: AbortSignal,
): Promise<void> {
  const names = new Set<string>();
  for (const { tenant, object } of rows) {
    if (tenant === undefined) {
      throw new SluiceError('CORRUPT', `Object ${object.id} of ${className} has no tenant in its file.`, {
        retryable: false,
      });
    }
    names.add(tenant);
  }
  await client.addTenants(className, [...names], signal);
}

/** Tenants of one request. */
const TENANTS_AT_ONCE = 100;

/** Makes the tenants that the export named, those without objects too. */
export async function makeNamedTenants(
  client: WeaviateClient,
  className: string,
  shardStatus: Record<string, { status: string }> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const names = Object.entries(shardStatus ?? {})
    .filter(([, { status }]) => status === 'SUCCESS')
    .map(([name]) => name);
  for (let at = 0; at < names.length; at += TENANTS_AT_ONCE) {
    await client.addTenants(className, names.slice(at, at + TENANTS_AT_ONCE), signal);
  }
}
