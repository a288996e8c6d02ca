/**
 * Upload ids and continuation tokens that carry all they need, under a signature, so that any replica of the
 * gateway with the same configuration can go on with them, and nobody can make one up.
 */
import { hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { GatewayClient } from '../router/mapping.ts';
import { HmacKey } from '../stores/s3/hmac-key.ts';

const MAC_BYTES = 16;

export class Tokens {
  readonly #key: HmacKey;

  /** @param secret the configuration's own; without it the key is derived from the clients' keys */
  constructor(secret: string | undefined, clients: readonly GatewayClient[]) {
    const material =
      secret ??
      clients
        .map(({ name, accessKey, secretKey }) => JSON.stringify([name, accessKey, secretKey]))
        .sort()
        .join('\n');
    this.#key = new HmacKey(Buffer.from(hkdfSync('sha256', material, '', 'sluice gateway tokens', 32)));
  }

  /**
   * @param purpose what the token is for and bound to: it opens only with the same
   * @param content a string
   */
  seal(purpose: readonly string[], content: string): string {
    const text = Buffer.from(content);
    return Buffer.concat([this.#mac(purpose, text), text]).toString('base64url');
  }

  /** The content; undefined when it was not sealed here for this purpose. */
  open(purpose: readonly string[], token: string): string | undefined {
    if (!/^[\w-]+$/.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < MAC_BYTES) return undefined;
    const text = bytes.subarray(MAC_BYTES);
    return timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.#mac(purpose, text))
      ? text.toString()
      : undefined;
  }

  #mac(purpose: readonly string[], text: Buffer): Buffer {
    const message = Buffer.concat([Buffer.from(`${JSON.stringify(purpose)}\n`), text]);
    return Buffer.from(this.#key.digest(hash('sha256', message, 'hex')), 'hex').subarray(0, MAC_BYTES);
  }
}
