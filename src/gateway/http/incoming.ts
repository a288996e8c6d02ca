import { Readable } from 'node:stream';
import { Chunked } from '../../stores/wire/chunked.ts';
import { incompleteBody } from '../errors.ts';
import type { RequestHead } from './request-head.ts';

/** Where the bytes of a body come from. */
export interface Source {
  /** Of the client. */
  readonly address: string | undefined;
  /** The body is wanted, or has room again. */
  wanted(): void;
  /** It is full. */
  full(): void;
}

/** One request, as its client sent it. */
export class Incoming {
  readonly head: RequestHead;
  readonly #source: Source;
  /** Undefined: it comes in chunks. */
  #left: number | undefined;
  #chunked: Chunked | undefined;
  #body: Readable | undefined;
  #complete: boolean;
  #ended = false;

  constructor(head: RequestHead, source: Source) {
    this.head = head;
    this.#source = source;
    if (head.body === 'chunked') this.#chunked = new Chunked();
    else this.#left = head.body;
    this.#complete = head.body === 0;
  }

  /** Of the client. */
  get address(): string | undefined {
    return this.#source.address;
  }

  /** Whether all of its body has come. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether its body goes to somebody who has room for more. */
  get flows(): boolean {
    return this.#body !== undefined && !this.#complete && this.#body.readableLength === 0;
  }

  /** Whether anybody has asked for its body. */
  get asked(): boolean {
    return this.#body !== undefined;
  }

  /** Whether all that is missing of its body is in these bytes. */
  endsWith(bytes: Buffer | undefined): boolean {
    return this.#complete || (this.#left !== undefined && bytes !== undefined && bytes.length >= this.#left);
  }

  /** Its bytes, without HTTP's framing. They come once it is read; what is not read stays with the client. */
  get body(): Readable {
    if (this.#body) return this.#body;
    this.#body = new Readable({ highWaterMark: HELD, read: () => this.#source.wanted() });
    // Whoever reads it hears of it; afterwards an error is nobody's.
    this.#body.on('error', () => undefined);
    if (this.#complete) this.#body.push(null);
    else if (this.#ended) this.#body.destroy(incompleteBody());
    return this.#body;
  }

  /**
   * Takes bytes that came. Of a body that nobody wants any more they are dropped.
   * @returns how many belong to this request
   * @throws BrokenHttp
   */
  feed(bytes: Buffer): number {
    if (this.#complete) return 0;
    let taken: number;
    if (this.#chunked) {
      taken = this.#chunked.write(bytes, (data) => this.#push(data));
      this.#complete = this.#chunked.ended;
    } else {
      const own = bytes.length > this.#left! ? bytes.subarray(0, this.#left) : bytes;
      taken = own.length;
      this.#left! -= taken;
      this.#complete = this.#left === 0;
      if (taken > 0) this.#push(own);
    }
    if (this.#complete && this.#wanted) this.#body!.push(null);
    return taken;
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    if (!this.#complete) this.#body?.destroy(incompleteBody());
  }

  get #wanted(): boolean {
    return this.#body !== undefined && !this.#body.destroyed;
  }

  #push(data: Buffer): void {
    if (this.#wanted && !this.#body!.push(data)) this.#source.full();
  }
}

const HELD = 256 * 1024;
