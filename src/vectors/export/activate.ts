import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../base/errors.ts';
import type { WeaviateClient } from '../weaviate/client.ts';

/** Longest wait for a tenant to become active. */
const PATIENCE = 120_000;

/** Does something with an inactive tenant, which is active meanwhile and then put back as it was. */
export async function withActivated(
  client: WeaviateClient,
  className: string,
  tenant: string,
  putBack: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  await client.setTenants(className, [{ name: tenant, activityStatus: 'HOT' }], signal);
  try {
    const began = Date.now();
    for (;;) {
      const state = await client.tenantState(className, tenant, signal);
      if (state === 'HOT' || state === 'ACTIVE') break;
      if (Date.now() - began > PATIENCE) {
        throw new SluiceError(
          'TIMEOUT',
          `Tenant ${tenant} of ${className} does not become active (${state}).`,
        );
      }
      await sleep(200, undefined, { signal });
    }
    await work();
  } finally {
    // Also when the job was canceled: its signal is not passed on.
    await client.setTenants(className, [{ name: tenant, activityStatus: putBack }]);
  }
}
