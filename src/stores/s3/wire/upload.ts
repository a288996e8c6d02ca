import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** The stream of a request's body had more or fewer bytes than was said. */
export class WrongSize extends Error {}

/** What waits to be written: larger writes cost less, and a body that comes faster is held back beyond it. Bytes. */
const WAITING = 512 * 1024;

/** The body of a request on its way to the socket, which stays open after it. Counts its bytes. */
export class Upload extends Writable {
  readonly #socket: Socket;
  readonly #size: number;
  readonly #current: () => boolean;
  #sent = 0;

  /** @param size bytes that were promised @param current whether the socket is still this request's */
  constructor(socket: Socket, size: number, current: () => boolean) {
    super({ highWaterMark: WAITING, decodeStrings: true });
    this.#socket = socket;
    this.#size = size;
    this.#current = current;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#refuses(chunk.length, done)) return;
    this.#socket.write(chunk, done);
  }

  /** All that has gathered while the socket was busy. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    let bytes = 0;
    for (const { chunk } of chunks) bytes += chunk.length;
    if (this.#refuses(bytes, done)) return;
    const last = chunks.length - 1;
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(chunks[i]!.chunk);
    this.#socket.write(chunks[last]!.chunk, done);
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    done(this.#sent === this.#size ? null : new WrongSize('The body is shorter than its size.'));
  }

  #refuses(bytes: number, done: (error?: Error | null) => void): boolean {
    this.#sent += bytes;
    if (this.#current() && this.#sent <= this.#size) return false;
    done(new WrongSize('The body is longer than its size.'));
    return true;
  }
}
