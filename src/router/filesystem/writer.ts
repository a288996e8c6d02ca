import { PassThrough, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ObjectInfo } from '../../stores/store.ts';

/**
 * A file being written: a Writable whose end makes the file appear, at once and complete. One that is
 * destroyed leaves no file, and an older one as it was.
 */
export class FileWriter extends Writable {
  readonly path: string;
  readonly #body: PassThrough;
  readonly #stored: Promise<ObjectInfo>;
  #written = 0;

  /** @param store takes the body and resolves when the file is there */
  constructor(path: string, store: (body: PassThrough) => Promise<ObjectInfo>) {
    super();
    this.path = path;
    this.#body = new PassThrough();
    this.#stored = store(this.#body);
    // A store that gives up before the end must end the writing too.
    this.#stored.catch((error) => this.destroy(error));
    this.#body.on('error', () => {});
  }

  /** Bytes taken so far. */
  get written(): number {
    return this.#written;
  }

  /** Ends the writing and waits until the file is there. */
  async close(): Promise<ObjectInfo> {
    if (!this.writableEnded) this.end();
    await finished(this);
    return this.#stored;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#written += chunk.length;
    if (this.#body.write(chunk)) done();
    else this.#body.once('drain', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#body.end();
    this.#stored.then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#body.destroy(error ?? new Error(`The writing of ${this.path} was given up.`));
    done(error);
  }
}
