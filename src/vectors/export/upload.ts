import { PassThrough } from 'node:stream';
import type { ObjectInfo, PutOptions, Store } from '../../stores/store.ts';

/** An object that is written as it is made: the writer waits for the store, so little is held in memory. */
export class Upload {
  readonly #stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  readonly #put: Promise<ObjectInfo>;
  #failure: unknown;

  constructor(store: Store, key: string, options: PutOptions = {}) {
    this.#put = store.put(key, this.#stream, options);
    this.#put.catch((error: unknown) => {
      this.#failure = error;
      this.#stream.destroy();
    });
    // A failure comes out of the put.
    this.#stream.on('error', () => {});
  }

  /** @throws what the put failed with */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stream.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('close', done);
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<ObjectInfo> {
    this.#stream.end();
    return this.#put;
  }

  /** Nothing appears in the store. */
  async abort(): Promise<void> {
    this.#stream.destroy(new Error('The writer stopped.'));
    await this.#put.catch(() => {});
  }
}
