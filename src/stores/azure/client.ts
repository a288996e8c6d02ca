import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { checkSignal } from '../checks.ts';
import { retry } from '../retry.ts';
import { type ContainerName, containerClient, endpointOf } from './container.ts';
import { type Asked, azureError, timeoutError } from './errors.ts';
import type { AzureSettings } from './settings.ts';

/** Bytes a second; a link that is slower counts as broken. */
const SLOWEST = 32 * 1024;

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

  /**
   * Does a request, as often as it takes.
   * @param asked.sending bytes of the request, which take their time
   * @param request gets the signal that ends it: the caller's, or too long a silence before the answer
   * @throws StoreError
   */
  async run<T>(
    asked: Omit<Asked, 'store'> & { sending?: number },
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const all = { ...asked, store: this.name };
    const patience = this.settings.timeout + ((asked.sending ?? 0) / SLOWEST) * 1000;
    return retry(
      async () => {
        checkSignal(this, asked.signal);
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), patience);
        try {
          return await request(asked.signal ? AbortSignal.any([asked.signal, late.signal]) : late.signal);
        } catch (error) {
          throw late.signal.aborted && !asked.signal?.aborted ? timeoutError(all) : azureError(all, error);
        } finally {
          clearTimeout(timer);
        }
      },
      { policy: this.settings.retry, signal: asked.signal },
    );
  }
}
