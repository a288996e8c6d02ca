import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isFieldValue, lowerName } from '../../stores/wire/fields.ts';
import { holdBack } from '../../stores/wire/hold-back.ts';
import { OutgoingBody } from '../../stores/wire/outgoing-body.ts';

/** Answers that are larger go out at once. Bytes. */
const SMALL = 64 * 1024;

/** What an answer needs to know of the connection that it goes over. */
export interface Line {
  readonly socket: Socket;
  readonly modern: boolean;
  /** Called once, when the answer's head is made. @returns whether another request may follow */
  goesOn(): boolean;
  /** The answer has gone out whole. */
  answered(): void;
}

/** The answer to one request. */
export class Answer {
  /** 0 until it begins. */
  status = 0;
  /** Called once: it has gone out whole, or its connection is gone. */
  onClose: (() => void) | undefined;
  readonly #line: Line;
  readonly #bodiless: boolean;
  #sent = 0;
  #ended = false;
  #closed = false;
  #body: OutgoingBody | undefined;

  /** @param method of the request: an answer to HEAD has no body */
  constructor(line: Line, method: string) {
    this.#line = line;
    this.#bodiless = method === 'HEAD';
  }

  get begun(): boolean {
    return this.status !== 0;
  }

  /** All of it was written. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing can be written any more. */
  get destroyed(): boolean {
    return this.#closed || this.#line.socket.destroyed;
  }

  /** Bytes that were written, head included. */
  get sent(): number {
    return this.#sent + (this.#body?.sent ?? 0);
  }

  /** Whether `open` may be called without a size: the client understands chunks. */
  get mayBeOpen(): boolean {
    return this.#line.modern;
  }

  /** Whether there is something that the client could take and does not. */
  get waits(): boolean {
    return this.#line.socket.writableLength > 0 || (this.#body?.writableLength ?? 0) > 0;
  }

  /** Asks for the body. */
  sendContinue(): void {
    if (!this.begun && !this.destroyed) this.#line.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  /**
   * Answers, with a body whose length is among the headers, or none.
   * @param headers flat: name, value, …
   * @throws BrokenHttp, TypeError for headers that HTTP cannot hold; nothing was sent then
   */
  send(status: number, headers: readonly string[], body?: Buffer): void {
    const head = this.#begin(status, headers);
    const { socket } = this.#line;
    this.#ended = true;
    if (!socket.destroyed) {
      const bytes = this.#bodiless ? undefined : body;
      this.#sent += head.length + (bytes?.length ?? 0);
      const small = bytes === undefined || bytes.length <= SMALL;
      if (small) holdBack(socket);
      else socket.cork();
      socket.write(head, 'latin1');
      if (bytes && bytes.length > 0) socket.write(bytes);
      if (!small) socket.uncork();
    }
    this.#line.answered();
  }

  /**
   * Begins an answer whose body comes bit by bit; it ends with the stream. A stream that is destroyed before, or that
   * has more or fewer bytes than was said, ends the connection, so that it cannot pass for whole.
   * @param size bytes; undefined: the body goes in chunks, see `mayBeOpen`
   * @throws as `send`
   */
  open(status: number, headers: readonly string[], size: number | undefined): Writable {
    const framing = size === undefined ? ['transfer-encoding', 'chunked'] : ['content-length', String(size)];
    const head = this.#begin(status, [...headers, ...framing]);
    this.#sent = head.length;
    const { socket } = this.#line;
    const body = new OutgoingBody(socket, head, size, () => !socket.destroyed);
    this.#body = body;
    body.on('error', () => undefined);
    body.on('close', () => {
      if (!body.writableFinished) {
        socket.destroy();
        return;
      }
      this.#ended = true;
      this.#line.answered();
    });
    if (socket.destroyed) body.destroy();
    return body;
  }

  /** Ends the connection. */
  destroy(): void {
    this.#line.socket.destroy();
  }

  /** The connection says that this answer is done with, well or not. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#ended) this.#body?.destroy();
    this.onClose?.();
  }

  #begin(status: number, headers: readonly string[]): string {
    if (this.begun) throw new TypeError('The request was answered already.');
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      const value = headers[i + 1]!;
      // Where it comes from a target's metadata it may be none.
      lowerName(name);
      if (!isFieldValue(value)) throw new TypeError(`The header ${name} cannot have this value.`);
      head += `${name}: ${value}\r\n`;
    }
    this.status = status;
    return `${head}date: ${dateNow()}\r\n${this.#line.goesOn() ? this.#keepAlive() : 'connection: close'}\r\n\r\n`;
  }

  #keepAlive(): string {
    const kept = `keep-alive: timeout=${KEPT_SECONDS}`;
    return this.#line.modern ? kept : `connection: keep-alive\r\n${kept}`;
  }
}

/** How long a connection that is not used is kept. */
export const KEPT_SECONDS = 75;

let dateSecond = 0;
let dateText = '';

/** RFC 9110, 5.6.7. */
function dateNow(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
