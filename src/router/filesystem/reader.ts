import type { Readable } from 'node:stream';
import { isError } from '../../base/errors.ts';
import { asBuffer, readAll } from '../../stores/read.ts';
import type { ObjectInfo, Store } from '../../stores/store.ts';
import { FileNotFound, FileSystemError } from './errors.ts';

/** Bytes. */
const SMALLEST_READAHEAD = 64 * 1024;
const LARGEST_READAHEAD = 8 * 1024 * 1024;

/**
 * An open file. Reads at any position; what follows a read is fetched with it, the more the longer reads go
 * forward in one piece. All reads are of the content that was there when it was opened: a file that was
 * replaced since gives PRECONDITION_FAILED where the store has etags.
 */
export class FileReader {
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  readonly #store: Store;
  readonly #info: ObjectInfo;
  #position = 0;
  #block: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
  #readahead = SMALLEST_READAHEAD;
  #closed = false;

  constructor(path: string, store: Store, info: ObjectInfo) {
    this.path = path;
    this.length = info.size;
    this.#store = store;
    this.#info = info;
  }

  /**
   * Reads at a position into a buffer, as much as there is and fits; does not move the place of readNext.
   * @returns bytes read; 0 at the end of the file
   */
  async read(position: number, buffer: Uint8Array): Promise<number> {
    this.#checkOpen();
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new FileSystemError('BAD_SPEC', this.path, `${position} is no position in ${this.path}.`);
    }
    const wanted = Math.min(buffer.length, this.length - position);
    let done = 0;
    while (done < wanted) {
      const at = position + done;
      const { start, bytes } = this.#block;
      if (at >= start && at < start + bytes.length) {
        const copied = bytes.copy(buffer, done, at - start, at - start + wanted - done);
        done += copied;
      } else {
        await this.#fetch(at, wanted - done);
      }
    }
    return Math.max(0, done);
  }

  /** Reads from where the last readNext ended, or from where seek went. @returns bytes read; 0 at the end */
  async readNext(buffer: Uint8Array): Promise<number> {
    const count = await this.read(this.#position, buffer);
    this.#position += count;
    return count;
  }

  /** @throws FileSystemError RANGE_NOT_SATISFIABLE beyond the end */
  seek(position: number): void {
    this.#checkOpen();
    if (position < 0 || position > this.length) {
      throw new FileSystemError(
        'RANGE_NOT_SATISFIABLE',
        this.path,
        `${this.path} has ${this.length} bytes; position ${position} is not in it.`,
      );
    }
    this.#position = position;
  }

  position(): number {
    return this.#position;
  }

  /** The bytes from a position on as a stream, in one request. */
  async stream(position = 0, signal?: AbortSignal): Promise<Readable> {
    this.#checkOpen();
    if (position > 0) this.seek(position);
    const range = position > 0 && position < this.length ? { start: position } : undefined;
    const { body } = await this.#get({ range, signal });
    if (position > 0 && !range) body.destroy();
    return body;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#block = { start: 0, bytes: Buffer.alloc(0) };
  }

  async #fetch(position: number, wanted: number): Promise<void> {
    const forward = position === this.#block.start + this.#block.bytes.length;
    this.#readahead = forward ? Math.min(this.#readahead * 2, LARGEST_READAHEAD) : SMALLEST_READAHEAD;
    const size = Math.min(Math.max(wanted, this.#readahead), LARGEST_READAHEAD, this.length - position);
    const { body } = await this.#get({ range: { start: position, end: position + size - 1 } });
    this.#block = { start: position, bytes: asBuffer(await readAll(body, LARGEST_READAHEAD)) };
    if (this.#block.bytes.length === 0) {
      throw new FileSystemError('CORRUPT', this.path, `${this.path} ended before its ${this.length} bytes.`);
    }
  }

  async #get(options: { range?: { start: number; end?: number }; signal?: AbortSignal }) {
    try {
      return await this.#store.get(this.#info.key, { ...options, ifMatch: this.#info.etag });
    } catch (error) {
      if (isError(error, 'NOT_FOUND'))
        throw new FileNotFound(this.path, 'Since it was opened, somebody removed');
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new FileSystemError('BAD_SPEC', this.path, `${this.path} was closed already.`);
  }
}
