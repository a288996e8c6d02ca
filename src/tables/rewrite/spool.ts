import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

const IN_MEMORY_BYTES = 8 << 20;

/** Bytes written once and read as often as a put needs: in memory while they are few, in a temporary file after that. */
export class Spool implements AsyncDisposable {
  size = 0;
  #chunks: Buffer[] = [];
  #folder: string | undefined;
  #file: WriteStream | undefined;

  async write(bytes: Buffer): Promise<void> {
    this.size += bytes.length;
    if (this.#file) {
      if (!this.#file.write(bytes)) await once(this.#file, 'drain');
      return;
    }
    this.#chunks.push(bytes);
    if (this.size > IN_MEMORY_BYTES) {
      this.#folder = await mkdtemp(join(tmpdir(), 'sluice-'));
      this.#file = createWriteStream(join(this.#folder, 'spool'), { mode: 0o600 });
      const chunks = this.#chunks;
      this.#chunks = [];
      for (const chunk of chunks) if (!this.#file.write(chunk)) await once(this.#file, 'drain');
    }
  }

  /** No more is written. @returns a body that can be read again */
  async body(): Promise<Buffer | (() => Promise<Readable>)> {
    if (!this.#file) return Buffer.concat(this.#chunks);
    const file = this.#file;
    if (!file.writableFinished) {
      file.end();
      await finished(file);
    }
    return async () => createReadStream(file.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chunks = [];
    this.#file?.destroy();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Lines gathered into larger writes. */
export class LineSpool extends Spool {
  #lines: string[] = [];
  #length = 0;

  async line(value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    this.#lines.push(text);
    this.#length += text.length;
    if (this.#length > 256 << 10) await this.#flush();
  }

  override async body(): Promise<Buffer | (() => Promise<Readable>)> {
    await this.#flush();
    return await super.body();
  }

  async #flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#length = 0;
    await this.write(Buffer.from(text));
  }
}
