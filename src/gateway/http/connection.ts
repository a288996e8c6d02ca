import type { Socket } from 'node:net';
import { BrokenHttp } from '../../stores/wire/fields.ts';
import { HeadText } from '../../stores/wire/head-text.ts';
import { S3Error } from '../errors.ts';
import type { Limits } from '../options.ts';
import { Answer, KEPT_SECONDS, type Line } from './answer.ts';
import { Incoming, type Source } from './incoming.ts';
import { parseRequestHead, type RequestHead } from './request-head.ts';

/** What a connection belongs to. */
export interface Host {
  readonly limits: Limits;
  /** Whether the request that is answered now is to be the connection's last. */
  readonly closing: boolean;
  handle(incoming: Incoming, answer: Answer): void;
  /** Answers what is no request. */
  refuse(answer: Answer, error: S3Error): void;
  gone(connection: ClientConnection): void;
}

/** Bytes and milliseconds of a refused body that are still read, so that the client gets to see the answer. */
const LINGER_BYTES = 8 * 1024 * 1024;
const LINGER_TIME = 5000;
/** What a client may leave unread of its answers before its next request is looked at. Bytes. */
const MOST_UNREAD = 1024 * 1024;

/** Where a connection is: its first head has not begun, between two requests, in a head, in a request, past its last. */
type Phase = 'new' | 'idle' | 'head' | 'request' | 'lingering';

/**
 * One client: its requests, one after the other (HTTP/1.1, RFC 9112). Written on the socket itself, as the client of
 * the targets is (stores/wire), because every object that passes pays for it; Node's own server costs twice as much.
 */
export class ClientConnection implements Source, Line {
  readonly socket: Socket;
  readonly #host: Host;
  #phase: Phase = 'new';
  /** `performance.now()` when the phase began. */
  #since = performance.now();
  /** What has come and was not looked at. */
  #held: Buffer | undefined;
  readonly #headText = new HeadText();
  #incoming: Incoming | undefined;
  #answer: Answer | undefined;
  #waits = false;
  #last = false;
  #paused = false;
  /** The client sends no more. */
  #finished = false;
  #ending = false;
  #working = false;
  #lingered = 0;

  constructor(socket: Socket, host: Host) {
    this.socket = socket;
    this.#host = host;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.#end());
    socket.on('error', () => undefined);
    socket.on('close', () => this.#close());
    socket.setTimeout(host.limits.idleTime, () => this.#silent());
  }

  get modern(): boolean {
    return this.#incoming?.head.modern ?? true;
  }

  get address(): string | undefined {
    return this.socket.remoteAddress;
  }

  /** Ends what takes too long. @param now as `performance.now()` */
  sweep(now: number): void {
    const time = now - this.#since;
    if (this.#phase === 'idle' && time > KEPT_SECONDS * 1000) this.socket.destroy();
    else if (this.#phase === 'lingering' && time > LINGER_TIME) this.socket.destroy();
    else if (this.#phase === 'new' && time > this.#host.limits.headerTime) this.socket.destroy();
    else if (this.#phase === 'head' && time > this.#host.limits.headerTime) {
      this.#refuse(new S3Error('RequestTimeout', 'Your headers did not come in time.'));
    }
  }

  /** Ends it as soon as nothing is under way. */
  endWhenIdle(): void {
    this.#ending = true;
    if (this.#phase === 'new' || this.#phase === 'idle') this.socket.end();
  }

  wanted(): void {
    if (this.#waits) {
      this.#waits = false;
      if (!this.#held) this.#answer?.sendContinue();
    }
    this.#resume();
    if (this.#held) this.#work();
  }

  full(): void {
    this.#pause();
  }

  goesOn(): boolean {
    const incoming = this.#incoming;
    // A body that was not read is skipped if it is here; for the rest of a longer one the client is not kept waiting.
    const skips = incoming !== undefined && (incoming.complete || incoming.endsWith(this.#held));
    const more = !this.#finished || this.#held !== undefined;
    this.#last = !(skips && more && incoming.head.persistent && !this.#host.closing);
    return !this.#last;
  }

  answered(): void {
    const incoming = this.#incoming;
    const answer = this.#answer;
    this.#incoming = undefined;
    this.#answer = undefined;
    if (this.#last) {
      this.#enter('lingering');
      this.#held = undefined;
      incoming?.end();
      this.socket.end();
      this.#resume();
    } else {
      this.#enter('idle');
      if (this.#held && !incoming!.complete) this.#drop(incoming!.feed(this.#held));
      this.#goOn();
    }
    answer?.close();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#since = performance.now();
  }

  #goOn(): void {
    if (this.socket.writableLength > MOST_UNREAD) {
      this.#pause();
      this.socket.once('drain', () => this.#goOn());
      return;
    }
    this.#resume();
    if (this.#held) this.#work();
    else if (this.#finished || this.#ending) this.socket.end();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  #take(bytes: Buffer): void {
    if (this.#phase === 'lingering') {
      this.#lingered += bytes.length;
      if (this.#lingered > LINGER_BYTES) this.socket.destroy();
      return;
    }
    this.#held = this.#held ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#work();
  }

  /** Looks at what has come, as far as it can be used now. A loop, because requests may come many at once. */
  #work(): void {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#held && this.#step(this.#held));
    } catch (error) {
      if (!(error instanceof BrokenHttp)) throw error;
      this.#held = undefined;
      if (this.#phase === 'request') this.#incoming!.end();
      else this.#refuse(new S3Error('BadRequest', 'An error occurred when parsing the HTTP request.'));
    } finally {
      this.#working = false;
    }
  }

  /** @returns whether there is more to be done with what is held */
  #step(bytes: Buffer): boolean {
    const incoming = this.#incoming;
    if (incoming) {
      if (incoming.complete || !incoming.asked) {
        this.#pause();
        return false;
      }
      this.#drop(incoming.feed(bytes));
      return true;
    }
    if (this.#phase === 'lingering') {
      this.#held = undefined;
      return false;
    }
    const head = this.#takeHead(bytes);
    if (head) this.#begin(head);
    return true;
  }

  #drop(count: number): void {
    const held = this.#held!;
    this.#held = count === held.length ? undefined : held.subarray(count);
  }

  /** Takes bytes of a head. @returns undefined: it has not come whole @throws BrokenHttp */
  #takeHead(bytes: Buffer): RequestHead | undefined {
    if (this.#phase !== 'head') this.#enter('head');
    const end = this.#headText.take(bytes);
    const { text } = this.#headText;
    if (text.length > this.#host.limits.headerBytes) {
      this.#refuse(
        new S3Error(
          'RequestHeaderSectionTooLarge',
          'Your request header section exceeds the maximum allowed size.',
        ),
      );
      return undefined;
    }
    this.#drop(end < 0 ? bytes.length : end);
    // Some clients send an empty line after a body (RFC 9112, 2.2).
    return end < 0 || text === '' ? undefined : parseRequestHead(text);
  }

  #begin(head: RequestHead): void {
    this.#enter('request');
    this.#last = false;
    this.#waits = head.expects === '100-continue';
    const incoming = new Incoming(head, this);
    const answer = new Answer(this, head.method);
    this.#incoming = incoming;
    this.#answer = answer;
    if (this.#finished && !incoming.endsWith(this.#held)) incoming.end();
    this.#host.handle(incoming, answer);
  }

  #refuse(error: S3Error): void {
    this.#held = undefined;
    this.#answer ??= new Answer(this, '');
    this.#host.refuse(this.#answer, error);
  }

  /** The client sends no more; it may still read. */
  #end(): void {
    this.#finished = true;
    const incoming = this.#incoming;
    if (incoming) {
      if (!incoming.endsWith(this.#held)) incoming.end();
    } else this.socket.end();
  }

  #close(): void {
    this.#incoming?.end();
    this.#answer?.close();
    this.#host.gone(this);
  }

  /** Nothing went over this connection for a while: whose turn is it? */
  #silent(): void {
    const incoming = this.#incoming;
    const answer = this.#answer;
    if (!incoming || !answer) return;
    const sends = incoming.flows;
    const takes = answer.waits;
    if (sends && !answer.begun) {
      this.#refuse(
        new S3Error(
          'RequestTimeout',
          'Your socket connection to the server was not read from or written to within the timeout period.',
        ),
      );
    } else if (sends || takes) this.socket.destroy();
    // The target's turn: its Store has timeouts of its own.
    else this.socket.setTimeout(this.#host.limits.idleTime);
  }
}
