import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { broken, type Controller, type Handler, type WireRequest } from './connection.ts';
import type { WirePool } from './pool.ts';

/** An answer that has begun. Its body must be read, resumed or destroyed. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

/**
 * Sends a request; gives its answer as soon as its head is there.
 * @throws the socket's error; what the signal was aborted with
 */
export function exchange(pool: WirePool, request: WireRequest, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    else pool.send(request, new Body(signal, resolve, reject));
  });
}

const HELD = 256 * 1024;

class Body extends Readable implements Handler {
  over = false;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #controller: Controller | undefined;

  constructor(
    signal: AbortSignal | undefined,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    super({ highWaterMark: HELD });
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal?.addEventListener('abort', this);
    // Before the answer has begun nobody has the body, and afterwards an error may be nobody's.
    this.on('error', () => undefined);
  }

  onStart(controller: Controller): void {
    this.#controller = controller;
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#resolve({ status, headers, body: this });
  }

  onData(chunk: Buffer): boolean {
    return this.push(chunk);
  }

  onEnd(): void {
    this.#close();
    this.push(null);
  }

  onError(error: Error): void {
    this.#close();
    this.#reject(error);
    this.destroy(error);
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.#reject(this.#signal!.reason);
    this.destroy(this.#signal!.reason);
  }

  override _read(): void {
    this.#controller?.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.over) {
      this.#close();
      this.#controller?.abort(error ?? broken('ERR_STREAM_PREMATURE_CLOSE', 'the answer is not wanted'));
    }
    callback(error);
  }

  #close(): void {
    this.over = true;
    this.#signal?.removeEventListener('abort', this);
  }
}
