import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { checkSignal } from '../checks.ts';
import { retry } from '../retry.ts';
import { type ContainerName, containerClient, endpointOf } from './container.ts';
import { type Asked, azureError } from './errors.ts';
import type { AzureSettings } from './settings.ts';

/** One container: the SDK's client, loaded at its first use, and requests with our attempts and errors. */
export class AzureClient {
  readonly settings: AzureSettings;
  readonly name: string;
  /** The address of the account. */
  readonly endpoint: string;
  readonly #container: ContainerName;
  #client: Promise<ContainerClient> | undefined;

  /** @throws SluiceError BAD_CONFIG when the account is not known */
  constructor(settings: AzureSettings, container: ContainerName) {
    this.settings = settings;
    this.#container = container;
    this.endpoint = endpointOf(settings, container);
    this.name = `az://${container.container}`;
  }

  container(): Promise<ContainerClient> {
    this.#client ??= containerClient(this.settings, this.#container);
    return this.#client;
  }

  async blob(key: string): Promise<BlockBlobClient> {
    return (await this.container()).getBlockBlobClient(key);
  }

  /** Does a request, as often as it takes. @throws StoreError */
  async run<T>(asked: Omit<Asked, 'store'>, request: () => Promise<T>): Promise<T> {
    const all = { ...asked, store: this.name };
    return retry(
      async () => {
        checkSignal(this, asked.signal);
        try {
          return await request();
        } catch (error) {
          throw azureError(all, error);
        }
      },
      { policy: this.settings.retry, signal: asked.signal },
    );
  }
}
