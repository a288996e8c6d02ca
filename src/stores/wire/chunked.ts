import { BrokenHttp } from './fields.ts';

const MAX_LINE = 4096;
const MAX_TRAILER = 64 * 1024;
const LF = 10;

/** Takes the framing off a chunked body (RFC 9112, 7.1) whose bytes come in any pieces. */
export class Chunked {
  #state: 'size' | 'data' | 'after data' | 'trailer' | 'end' = 'size';
  #line = '';
  #left = 0;
  #trailer = 0;

  get ended(): boolean {
    return this.#state === 'end';
  }

  /**
   * @param emit gets the data, in pieces of what came
   * @returns how many of the bytes belong to this body
   * @throws BrokenHttp
   */
  write(bytes: Buffer, emit: (data: Buffer) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'end') {
      if (this.#state === 'data') {
        const data = bytes.subarray(at, at + this.#left);
        at += data.length;
        this.#left -= data.length;
        if (this.#left === 0) this.#state = 'after data';
        emit(data);
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const to = end < 0 ? bytes.length : end + 1;
      this.#line += bytes.toString('latin1', at, to);
      at = to;
      if (this.#line.length > MAX_LINE) throw new BrokenHttp('A chunk begins without end.');
      if (end >= 0) this.#takeLine();
    }
    return at;
  }

  #takeLine(): void {
    if (!this.#line.endsWith('\r\n')) throw new BrokenHttp('A chunk does not begin as it should.');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    if (this.#state === 'size') {
      const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line);
      if (!size) throw new BrokenHttp('A chunk has no size.');
      this.#left = Number.parseInt(size[1]!, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    } else if (this.#state === 'after data') {
      if (line !== '') throw new BrokenHttp('A chunk is longer than it says.');
      this.#state = 'size';
    } else if (line === '') {
      this.#state = 'end';
    } else {
      this.#trailer += line.length;
      if (this.#trailer > MAX_TRAILER) throw new BrokenHttp('The trailer of the last chunk is too long.');
    }
  }
}
