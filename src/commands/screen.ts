/** Standard error with, on a terminal, one line at its bottom that changes while other lines pass above it. */
class Screen {
  #line = '';

  /** Shows this line at the bottom instead of the one before; '' for none. */
  update(line: string): void {
    const width = process.stderr.columns ?? 80;
    const shown = line.length >= width ? `${line.slice(0, width - 2)}…` : line;
    if (shown === this.#line) return;
    this.#line = shown;
    process.stderr.write(`\r\x1b[K${shown}`);
  }

  print(text: string): void {
    process.stderr.write(this.#line === '' ? `${text}\n` : `\r\x1b[K${text}\n${this.#line}`);
  }
}

export const screen = new Screen();
