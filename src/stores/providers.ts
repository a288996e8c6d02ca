import type { StoreProvider } from './open.ts';

/** The stores of this folder, in the order they are asked whether a URI is theirs. */
export async function storeProviders(): Promise<StoreProvider[]> {
  const [{ s3Provider }, { gcsProvider }, { azureProvider }, { fileProvider }, { memoryProvider }] =
    await Promise.all([
      import('./s3/provider.ts'),
      import('./gcs/provider.ts'),
      import('./azure/provider.ts'),
      import('./file/provider.ts'),
      import('./memory/provider.ts'),
    ]);
  return [s3Provider, gcsProvider, azureProvider, fileProvider, memoryProvider];
}
