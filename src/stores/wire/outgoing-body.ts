import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** The stream of a body had more or fewer bytes than was said. */
export class WrongSize extends Error {}

/** What waits to be written: larger writes cost less, and a body that comes faster is held back beyond it. Bytes. */
const WAITING = 1024 * 1024;

/**
 * The body of a request or an answer on its way to the socket, which stays open after it. The head goes with the first
 * bytes: of a body that fails before them, the other side hears nothing. Counts the bytes.
 */
export class OutgoingBody extends Writable {
  readonly #socket: Socket;
  readonly #size: number | undefined;
  readonly #current: () => boolean;
  #head: string;
  #sent = 0;

  /**
   * @param head to its empty line, as Latin-1
   * @param size bytes that were promised; undefined: it goes in chunks (RFC 9112, 7.1)
   * @param current whether the socket is still this body's
   */
  constructor(socket: Socket, head: string, size: number | undefined, current: () => boolean) {
    super({ highWaterMark: WAITING });
    this.#socket = socket;
    this.#head = head;
    this.#size = size;
    this.#current = current;
  }

  /** Bytes of the body that were written to the socket. */
  get sent(): number {
    return this.#sent;
  }

  /** A chunk, or all that have gathered while the socket was busy. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    let bytes = 0;
    for (const { chunk } of chunks) bytes += chunk.length;
    this.#sent += bytes;
    if (!this.#current() || (this.#size !== undefined && this.#sent > this.#size)) {
      done(new WrongSize('The body is longer than its size.'));
      return;
    }
    const socket = this.#socket;
    socket.cork();
    this.#begin();
    if (this.#size === undefined) socket.write(`${bytes.toString(16)}\r\n`, 'latin1');
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i]!.chunk);
    if (this.#size === undefined) {
      socket.write(chunks.at(-1)!.chunk);
      socket.write('\r\n', 'latin1', done);
    } else socket.write(chunks.at(-1)!.chunk, done);
    socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#size !== undefined && this.#sent !== this.#size) {
      done(new WrongSize('The body is shorter than its size.'));
      return;
    }
    if (this.#current()) {
      this.#begin();
      if (this.#size === undefined) this.#socket.write('0\r\n\r\n', 'latin1');
    }
    done();
  }

  #begin(): void {
    if (this.#head === '') return;
    this.#socket.write(this.#head, 'latin1');
    this.#head = '';
  }
}
