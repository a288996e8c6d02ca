import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { canceled } from '../checks.ts';
import type { StoreError } from '../errors.ts';
import { type Asked, answeredError, brokenAnswer, unansweredError } from './errors.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Empty when a Sink took the body. */
  body: Buffer;
}

/** Takes the body of a good answer as it comes. */
export interface Sink {
  /** Before any bytes; throwing refuses the answer. */
  begin(status: number, headers: IncomingHttpHeaders, controller: Dispatcher.DispatchController): void;
  /** False: no more for now; `controller.resume()` goes on. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** The body broke after `begin`. */
  fail(error: Error): void;
}

/** A body that is collected: error documents, pages of a listing. More than this is no S3 answer. */
const MOST_COLLECTED = 64 * 1024 * 1024;

/**
 * One request and its answer, directly on undici's dispatcher: the promise and the stream that its
 * `request` makes for every answer cost more than the rest of a small request together.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #asked: Asked;
  readonly #sink: Sink | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #size = 0;
  #sinking = false;
  #over = false;

  constructor(
    asked: Asked,
    sink: Sink | undefined,
    signal: AbortSignal | undefined,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    this.#asked = asked;
    this.#sink = sink;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal?.addEventListener('abort', this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(canceled(this.#asked.store, this.#signal));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (this.#sink !== undefined && status < 300) {
      this.#sink.begin(status, headers, controller);
      this.#sinking = true;
      this.#resolve({ status, headers, body: EMPTY });
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sinking) {
      if (!this.#sink!.write(chunk)) controller.pause();
      return;
    }
    this.#size += chunk.length;
    if (this.#size > MOST_COLLECTED) {
      controller.abort(brokenAnswer(this.#asked, `the answer is longer than ${MOST_COLLECTED} bytes`));
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#close();
    if (this.#sinking) {
      this.#sink!.end();
      return;
    }
    const chunks = this.#chunks;
    const body =
      chunks.length === 0 ? EMPTY : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#size);
    if (this.#status >= 300) {
      this.#reject(answeredError(this.#asked, this.#status, this.#headers, body.toString()));
    } else {
      this.#resolve({ status: this.#status, headers: this.#headers, body });
    }
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return;
    this.#close();
    const mapped = unansweredError(this.#asked, error);
    if (this.#sinking) this.#sink!.fail(mapped);
    else this.#reject(mapped);
  }

  #close(): void {
    this.#over = true;
    this.#signal?.removeEventListener('abort', this);
  }

  /** The signal fired: ends at once for the caller, also while the request still waits for a socket. */
  handleEvent(): void {
    if (this.#over) return;
    this.#close();
    const error: StoreError = canceled(this.#asked.store, this.#signal);
    this.#controller?.abort(error);
    if (this.#sinking) this.#sink!.fail(error);
    else this.#reject(error);
  }
}

const EMPTY = Buffer.alloc(0);
