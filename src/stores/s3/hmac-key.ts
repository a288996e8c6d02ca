import { createHmac, hash } from 'node:crypto';

const BLOCK = 64;
const MOST = 1024;

/**
 * HMAC-SHA-256 (RFC 2104) with a key that stays: its padded halves are made once, and each message costs two
 * hashes; `createHmac` would prepare the key for each, at three times the cost.
 */
export class HmacKey {
  readonly #inner = Buffer.alloc(BLOCK + MOST, 0x36);
  readonly #outer = Buffer.alloc(BLOCK + 32, 0x5c);

  /** @param key at most 64 bytes */
  constructor(key: Buffer | string) {
    const bytes = Buffer.from(key as string);
    for (let i = 0; i < bytes.length; i++) {
      this.#inner[i]! ^= bytes[i]!;
      this.#outer[i]! ^= bytes[i]!;
    }
  }

  /** @param message ASCII, at most 1,024 characters @returns hex */
  digest(message: string): string {
    if (message.length > MOST) throw new RangeError('The message is too long.');
    const length = this.#inner.write(message, BLOCK, 'latin1');
    // As text of one character a byte: to make a Buffer of it would take longer than to hash it.
    this.#outer.write(hash('sha256', this.#inner.subarray(0, BLOCK + length), 'binary'), BLOCK, 'binary');
    return hash('sha256', this.#outer, 'hex');
  }
}

/** The key that Signature Version 4 signs with for a day. @param date yyyymmdd */
export function signingKey(secret: string, date: string, region: string, service: string): HmacKey {
  const parts = [date, region, service, 'aws4_request'];
  return new HmacKey(parts.reduce<Buffer | string>(hmac, `AWS4${secret}`));
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
