import { Readable } from 'node:stream';
import { SluiceError } from '../../base/errors.ts';
import { asBuffer } from '../read.ts';

/** Bytes of one chunk of the framing. */
const CHUNK = 1024 * 1024;
/** Characters of each checksum in base64. */
const DIGITS: Record<string, number> = { crc32: 8, crc32c: 8, crc64nvme: 12, sha1: 28, sha256: 44 };

/** A body whose checksum comes after it. */
export interface Trailed {
  body: Readable;
  /** Bytes. */
  size: number;
  checksum: { name: string; value(): string | undefined };
}

/**
 * The body as aws-chunked with its checksum as the trailer, unsigned ("Signature calculations for the
 * authorization header: chunked upload with trailing headers"). Fails where the body does, or brings none.
 */
export function withTrailer(trailed: Trailed): Readable {
  return Readable.from(framed(trailed), { objectMode: false });
}

/** How many bytes withTrailer makes of it. */
export function sizeWithTrailer({ size, checksum: { name } }: Trailed): number {
  const frame = (bytes: number) => bytes.toString(16).length + 4 + bytes;
  const rest = size % CHUNK;
  const chunks = Math.floor(size / CHUNK) * frame(CHUNK) + (rest === 0 ? 0 : frame(rest));
  return chunks + `0\r\nx-amz-checksum-${name}:\r\n\r\n`.length + DIGITS[name]!;
}

async function* framed({ body, size, checksum }: Trailed): AsyncGenerator<Buffer> {
  let remaining = size;
  let left = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    const bytes = asBuffer(piece);
    for (let at = 0; at < bytes.length; ) {
      if (left === 0) {
        if (remaining === 0) {
          throw new SluiceError('CORRUPT', `More than the ${size} bytes came that were promised.`);
        }
        left = Math.min(CHUNK, remaining);
        yield Buffer.from(`${left.toString(16)}\r\n`);
      }
      const end = Math.min(bytes.length, at + left);
      yield bytes.subarray(at, end);
      left -= end - at;
      remaining -= end - at;
      at = end;
      if (left === 0) yield Buffer.from('\r\n');
    }
  }
  yield Buffer.from(`0\r\nx-amz-checksum-${checksum.name}:${checksum.value() ?? ''}\r\n\r\n`);
}
