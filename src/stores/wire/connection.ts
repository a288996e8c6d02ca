import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { endedEarly, relay } from '../relay.ts';
import { Chunked } from './chunked.ts';
import { BrokenHttp, isFieldValue } from './fields.ts';
import { type Head, keptFor, MAX_HEAD, parseHead } from './head.ts';
import { HeadText } from './head-text.ts';
import { holdBack } from './hold-back.ts';
import { OutgoingBody } from './outgoing-body.ts';

export interface WireRequest {
  method: string;
  /** With the query; encoded. */
  path: string;
  host: string;
  /** Flat: name, value, …; one character for each byte. */
  headers: readonly string[];
  body: Buffer | Readable | null;
  /** Bytes of a body that is a stream; undefined: it is not known, and the body goes in chunks. */
  size?: number | undefined;
  /** Milliseconds until the answer must have begun, where that is not the usual. */
  patience?: number | undefined;
}

/** What the one who waits for an answer can do about it. */
export interface Controller {
  /** After `onData` gave false: more, please. */
  resume(): void;
  /** From now on each chunk has a buffer of its own, to be given to `recycle` when it is not needed any more. */
  lend(): void;
  /** Ends it; `onError` gets the error, and the connection closes. */
  abort(error: Error): void;
}

/** Is told of one answer as it comes. What it throws ends the answer with that error. */
export interface Handler {
  /** Nobody waits any more: a request that has not begun does not. */
  readonly over: boolean;
  onStart(controller: Controller): void;
  onHead(status: number, headers: IncomingHttpHeaders): void;
  /** The bytes stay as they are for as long as they are held. @returns false: no more until `resume` */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onError(error: Error): void;
}

/** Where a connection belongs. */
export interface Home {
  idle(connection: Connection): void;
  gone(connection: Connection): void;
}

export function broken(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Bytes are read into the rest of one buffer, and chunks are pieces of it: no allocation for each read, no copy. */
const SLAB = 64 * 1024;
const LARGE_SLAB = 256 * 1024;
/** A rest smaller than this part of a buffer is not read into. */
const LEAST = 4;
/** Buffers that are lent, known by their size. Large, because a copy to a socket costs less the more bytes it has. */
const LENT = 512 * 1024;
const MOST_SPARE = 16;
const spare: Buffer[] = [];

/** Takes back a chunk that was lent; others are left alone. */
export function recycle(chunk: Buffer): void {
  if (chunk.buffer.byteLength === LENT && spare.length < MOST_SPARE) spare.push(Buffer.from(chunk.buffer));
}

/**
 * One socket with one request after the other (HTTP/1.1, RFC 9112). Written on the socket itself because a gateway
 * and an export pay for each request, and for each copy of a byte: a general client costs several times as much.
 */
export class Connection implements Controller {
  /** In `performance.now()`: when it is too old to be used again. */
  idleUntil = 0;
  readonly #home: Home;
  readonly #timeout: number;
  readonly #keep: number;
  #socket: Socket | undefined;
  #request: WireRequest | undefined;
  #handler: Handler | undefined;
  #head: Head | undefined;
  readonly #headText = new HeadText();
  #left = 0;
  #chunked: Chunked | undefined;
  #bodySent = true;
  #paused = false;
  #view: Buffer = Buffer.allocUnsafeSlow(SLAB);
  #slab = SLAB;
  #lending = false;

  /** @param timeout the longest silence @param keep how long it may stay unused; milliseconds */
  constructor(home: Home, timeout: number, keep: number) {
    this.#home = home;
    this.#timeout = timeout;
    this.#keep = keep;
  }

  /** What the socket is to be made with, so that it reads into this connection's buffer. */
  get onread() {
    return {
      buffer: () => this.#view,
      callback: (count: number, bytes: Uint8Array) => this.#take(bytes as Buffer, count),
    };
  }

  /** Takes over a socket that is connected. */
  use(socket: Socket): void {
    this.#socket = socket;
    socket.setTimeout(this.#timeout);
    socket.on('timeout', () => this.#silent());
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#ended());
    socket.on('close', () => {
      this.#fail(broken('ECONNRESET', 'the connection was closed'));
      this.#home.gone(this);
    });
  }

  /** Sends a request; nothing else may be under way. */
  start(request: WireRequest, handler: Handler): void {
    this.#request = request;
    this.#handler = handler;
    this.#head = undefined;
    this.#chunked = undefined;
    this.#paused = false;
    this.#lending = false;
    const socket = this.#socket!;
    socket.ref();
    if (request.patience !== undefined) socket.setTimeout(request.patience);
    try {
      handler.onStart(this);
      if (this.#handler === handler) this.#write(socket, request);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  lend(): void {
    this.#lending = true;
  }

  abort(error: Error): void {
    this.#fail(error);
  }

  destroy(error: Error): void {
    this.#fail(error);
    this.#socket?.destroy();
  }

  #write(socket: Socket, request: WireRequest): void {
    const { method, path, host, headers, body } = request;
    if (UNSENDABLE.test(path)) throw new TypeError('An address with such characters cannot be asked for.');
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const value = headers[i + 1]!;
      if (!isFieldValue(value)) throw new TypeError(`The header ${headers[i]} cannot have this value.`);
      head += `${headers[i]}: ${value}\r\n`;
    }
    this.#bodySent = true;
    if (body === null) {
      if (method === 'PUT' || method === 'POST') head += 'content-length: 0\r\n';
      holdBack(socket);
      socket.write(`${head}\r\n`, 'latin1');
    } else if (Buffer.isBuffer(body)) {
      socket.cork();
      socket.write(`${head}content-length: ${body.length}\r\n\r\n`, 'latin1');
      socket.write(body);
      socket.uncork();
    } else {
      const framing =
        request.size === undefined ? 'transfer-encoding: chunked' : `content-length: ${request.size}`;
      this.#bodySent = false;
      this.#stream(socket, `${head}${framing}\r\n\r\n`, body, request);
    }
  }

  #stream(socket: Socket, head: string, body: Readable, request: WireRequest): void {
    const current = (): boolean => this.#request === request && !socket.destroyed;
    if (body.destroyed) {
      this.#fail(endedEarly(body));
      return;
    }
    const upload = new OutgoingBody(socket, head, request.size, current);
    const failed = (error: Error): void => {
      if (current()) this.#fail(error);
    };
    upload.on('error', failed);
    upload.on('finish', () => {
      if (current()) this.#bodySent = true;
    });
    relay(body, upload).catch(failed);
  }

  /** @returns false: no more for now */
  #take(bytes: Buffer, count: number): boolean {
    try {
      if (!this.#handler) throw new BrokenHttp('Bytes came that nobody asked for.');
      this.#parse(bytes.subarray(0, count));
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
    return !this.#paused;
  }

  #parse(bytes: Buffer): void {
    let at = 0;
    while (this.#head === undefined) {
      at = this.#takeHead(bytes, at);
      if (at < 0) return;
    }
    // What is read next must not touch what is handed out now.
    if (at < bytes.length) this.#advance(bytes.length);
    const { body } = this.#head;
    if (body === 'chunked') {
      this.#chunked ??= new Chunked();
      at += this.#chunked.write(at === 0 ? bytes : bytes.subarray(at), (data) => this.#emit(data));
      if (this.#chunked.ended) this.#finish(at < bytes.length);
      return;
    }
    const data = at === 0 ? bytes : bytes.subarray(at);
    if (body === 'until close') {
      if (data.length > 0) this.#emit(data);
      return;
    }
    const more = data.length > this.#left;
    const own = more ? data.subarray(0, this.#left) : data;
    this.#left -= own.length;
    if (own.length > 0) this.#emit(own);
    if (this.#left === 0) this.#finish(more);
  }

  /** @returns where the body begins; -1: the head has not come whole */
  #takeHead(bytes: Buffer, from: number): number {
    const end = this.#headText.take(bytes, from);
    const { text } = this.#headText;
    if (text.length > MAX_HEAD) throw new BrokenHttp('The head of the answer is too long.');
    if (end < 0) return -1;
    const head = parseHead(text, this.#request!.method);
    // "100 Continue" and its like come before the answer.
    if (head.status < 200) {
      if (head.status === 101) throw new BrokenHttp('The endpoint changes its protocol.');
      return end;
    }
    this.#head = head;
    this.#left = typeof head.body === 'number' ? head.body : 0;
    if (this.#request!.patience !== undefined) this.#socket!.setTimeout(this.#timeout);
    this.#slab = typeof head.body === 'number' && head.body < LARGE_SLAB ? SLAB : LARGE_SLAB;
    this.#handler!.onHead(head.status, head.headers);
    return end;
  }

  #emit(data: Buffer): void {
    const handler = this.#handler;
    if (handler && !handler.onData(data)) this.#paused = true;
  }

  #advance(count: number): void {
    if (this.#lending) {
      this.#view = spare.pop() ?? Buffer.allocUnsafeSlow(LENT);
      return;
    }
    this.#view =
      this.#view.length - count < this.#slab / LEAST
        ? Buffer.allocUnsafeSlow(this.#slab)
        : this.#view.subarray(count);
  }

  /** @param over whether nothing sound can follow: bytes came that do not belong to the answer, or the end did */
  #finish(over: boolean): void {
    const handler = this.#handler;
    // Its head or its body was refused.
    if (!handler) return;
    const { persistent, headers } = this.#head!;
    const socket = this.#socket!;
    this.#handler = undefined;
    this.#request = undefined;
    if (persistent && !over && this.#bodySent && socket.writableLength === 0 && !socket.destroyed) {
      // After the last byte nothing is held back; and the next answer must be heard.
      this.#paused = false;
      if (this.#lending) {
        recycle(this.#view);
        this.#view = Buffer.allocUnsafeSlow(SLAB);
      }
      const keep = Math.min(this.#keep, (keptFor(headers) ?? Number.POSITIVE_INFINITY) - 1000);
      this.idleUntil = performance.now() + keep;
      socket.unref();
      this.#home.idle(this);
    } else socket.destroy();
    handler.onEnd();
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#request = undefined;
    this.#socket?.destroy();
    handler?.onError(error);
  }

  #ended(): void {
    if (this.#handler && this.#head?.body === 'until close') this.#finish(true);
    else this.#fail(broken('ECONNRESET', 'the other side closed the connection'));
  }

  /** Nothing went over the socket for a while: whose turn is it? */
  #silent(): void {
    const socket = this.#socket!;
    const ours = this.#paused || (!this.#bodySent && socket.writableLength === 0);
    if (this.#handler && ours) socket.setTimeout(this.#timeout);
    else this.#fail(broken('ETIMEDOUT', 'nothing came for too long'));
  }
}

const UNSENDABLE = /[^\x21-\x7e]/;
