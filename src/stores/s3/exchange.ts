import type { IncomingHttpHeaders } from 'node:http';
import { canceled } from '../checks.ts';
import type { StoreError } from '../errors.ts';
import type { Controller, Handler } from '../wire/connection.ts';
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
  begin(status: number, headers: IncomingHttpHeaders, controller: Controller): void;
  /** False: no more for now; `controller.resume()` goes on. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** The body broke after `begin`. */
  fail(error: Error): void;
}

/** A body that is collected: error documents, pages of a listing. More than this is no S3 answer. */
const MOST_COLLECTED = 64 * 1024 * 1024;

/** One request and its answer, as a promise of it. */
export class Exchange implements Handler {
  readonly #asked: Asked;
  readonly #sink: Sink | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #controller: Controller | undefined;
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

  get over(): boolean {
    return this.#over;
  }

  onStart(controller: Controller): void {
    this.#controller = controller;
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    if (this.#sink !== undefined && status < 300) {
      this.#sink.begin(status, headers, this.#controller!);
      this.#sinking = true;
      this.#resolve({ status, headers, body: EMPTY });
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.#sinking) return this.#sink!.write(chunk);
    this.#size += chunk.length;
    if (this.#size > MOST_COLLECTED) {
      throw brokenAnswer(this.#asked, `the answer is longer than ${MOST_COLLECTED} bytes`);
    }
    this.#chunks.push(chunk);
    return true;
  }

  onEnd(): void {
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

  onError(error: Error): void {
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
