import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';
import { Crc64Nvme, crc32c } from './crc.ts';
import { S3Error } from './errors.ts';

/** The checksums of S3's flexible checksums, as the last word of `x-amz-checksum-…`. */
export const CHECKSUMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type Checksum = (typeof CHECKSUMS)[number];

const BYTES: Record<Checksum, number> = { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 };

/** A hash or checksum over bytes that come in pieces. */
export interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

class Crc32 implements Digest {
  readonly #next: (bytes: Uint8Array, crc: number) => number;
  #crc = 0;

  constructor(next: (bytes: Uint8Array, crc: number) => number) {
    this.#next = next;
  }

  update(bytes: Uint8Array): void {
    this.#crc = this.#next(bytes, this.#crc);
  }

  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(this.#crc >>> 0);
    return bytes;
  }
}

export function checksumDigest(checksum: Checksum): Digest {
  switch (checksum) {
    case 'crc32':
      return new Crc32(crc32);
    case 'crc32c':
      return new Crc32(crc32c);
    case 'crc64nvme':
      return new Crc64Nvme();
    default:
      return createHash(checksum);
  }
}

/** A checksum that the client promises: its value, or that a trailer will bring it. */
export interface PromisedChecksum {
  checksum: Checksum;
  /** Base64; undefined: it comes in the trailer. */
  value: string | undefined;
}

/** @throws S3Error InvalidRequest for more than one checksum, or one that is malformed or not known */
export function promisedChecksum(headers: IncomingHttpHeaders): PromisedChecksum | undefined {
  let found: PromisedChecksum | undefined;
  const add = (checksum: Checksum, value: string | undefined) => {
    if (found)
      throw new S3Error(
        'InvalidRequest',
        'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
      );
    found = { checksum, value };
  };
  for (const checksum of CHECKSUMS) {
    const value = headers[`x-amz-checksum-${checksum}`];
    if (value !== undefined) add(checksum, checkedForm(checksum, String(value)));
  }
  const trailer = headers['x-amz-trailer'];
  if (trailer !== undefined) {
    for (const name of String(trailer).toLowerCase().split(',')) {
      const checksum = CHECKSUMS.find((each) => name.trim() === `x-amz-checksum-${each}`);
      if (!checksum)
        throw new S3Error(
          'InvalidRequest',
          'The value specified in the x-amz-trailer header is not supported',
        );
      add(checksum, undefined);
    }
  }
  return found;
}

/** @throws S3Error InvalidRequest when it is not base64 of as many bytes as the checksum has */
export function checkedForm(checksum: Checksum, value: string): string {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === BYTES[checksum] && bytes.toString('base64') === value) return value;
  throw new S3Error('InvalidRequest', `Value for x-amz-checksum-${checksum} header is invalid.`);
}

/** Hex of the Content-MD5 header. @throws S3Error InvalidDigest */
export function contentMd5(headers: IncomingHttpHeaders): string | undefined {
  const value = headers['content-md5'];
  if (value === undefined) return undefined;
  const bytes = Buffer.from(String(value), 'base64');
  if (bytes.length !== 16) throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  return bytes.toString('hex');
}
