/**
 * Writes Thrift's compact protocol, as far as Parquet metadata needs it (Apache Thrift, "Thrift Compact
 * protocol encoding"). Fields must be written in ascending order of their ids.
 */
export class CompactWriter {
  #bytes = Buffer.alloc(256);
  #length = 0;
  #lastId = 0;
  #outer: number[] = [];

  bool(id: number, value: boolean): void {
    this.#header(id, value ? 1 : 2);
  }

  i16(id: number, value: number): void {
    this.#header(id, 4);
    this.#zigzag(value);
  }

  i32(id: number, value: number): void {
    this.#header(id, 5);
    this.#zigzag(value);
  }

  i64(id: number, value: number): void {
    this.#header(id, 6);
    this.#zigzag(value);
  }

  binary(id: number, value: Uint8Array | string): void {
    this.#header(id, 8);
    this.#binary(value);
  }

  struct(id: number, write: () => void): void {
    this.#header(id, 12);
    this.#struct(write);
  }

  structs<T>(id: number, items: readonly T[], write: (item: T) => void): void {
    this.#header(id, 9);
    this.#listHeader(12, items.length);
    for (const item of items) this.#struct(() => write(item));
  }

  i32s(id: number, items: readonly number[]): void {
    this.#header(id, 9);
    this.#listHeader(5, items.length);
    for (const item of items) this.#zigzag(item);
  }

  strings(id: number, items: readonly string[]): void {
    this.#header(id, 9);
    this.#listHeader(8, items.length);
    for (const item of items) this.#binary(item);
  }

  /** Ends the outermost struct. @returns its bytes */
  end(): Buffer {
    this.#byte(0);
    return this.#bytes.subarray(0, this.#length);
  }

  #struct(write: () => void): void {
    this.#outer.push(this.#lastId);
    this.#lastId = 0;
    write();
    this.#byte(0);
    this.#lastId = this.#outer.pop()!;
  }

  #header(id: number, type: number): void {
    const delta = id - this.#lastId;
    if (delta > 0 && delta < 16) this.#byte((delta << 4) | type);
    else {
      this.#byte(type);
      this.#zigzag(id);
    }
    this.#lastId = id;
  }

  #listHeader(type: number, length: number): void {
    if (length < 15) this.#byte((length << 4) | type);
    else {
      this.#byte(0xf0 | type);
      this.#varint(length);
    }
  }

  #binary(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Numbers up to 2^52, which doubled are still exact. */
  #zigzag(value: number): void {
    this.#varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
