/** Gathers the head of a message (RFC 9112, section 2.1), which may come in any pieces, and the next one after it. */
export class HeadText {
  /** What has come of it, as Latin-1; once it is whole, without its empty line. */
  text = '';
  #whole = true;

  /** @returns where in the bytes the body begins; -1: the head has not come whole */
  take(bytes: Buffer, from = 0): number {
    const before = this.#whole ? '' : this.text;
    // The bytes may go on with a body, which is no text.
    const stop = before === '' ? bytes.indexOf(END, from, 'latin1') : -1;
    const all = before + bytes.toString('latin1', from, stop < 0 ? bytes.length : stop);
    const length = stop < 0 ? all.indexOf(END, Math.max(0, before.length - END.length + 1)) : all.length;
    this.#whole = length >= 0;
    this.text = this.#whole ? all.slice(0, length) : all;
    return this.#whole ? from + length + END.length - before.length : -1;
  }
}

const END = '\r\n\r\n';
