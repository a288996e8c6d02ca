import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { withThrowawayChunks } from '../stores/relay.ts';
import type { Authenticated } from './authenticate.ts';
import { AwsChunked } from './aws-chunked.ts';
import {
  type Checksum,
  checkedForm,
  checksumDigest,
  contentMd5,
  type Digest,
  promisedChecksum,
} from './checksums.ts';
import { incompleteBody, S3Error } from './errors.ts';
import type { Incoming } from './http/incoming.ts';
import { header, type S3Request } from './request.ts';

/** S3's limit of one request's body. */
const MAX_BODY = 5 * 1024 ** 3;

/** A digest of the body that is compared with what the client said. */
interface Check {
  digest: Digest;
  /** Undefined: the trailer brings it. */
  expected: Buffer | undefined;
  failure: () => S3Error;
}

/**
 * The body of a request: its size without framing, and everything that it must agree with. Reading it gives
 * only bytes of which the last is withheld until all of that has been checked.
 */
export class RequestBody {
  /** Bytes of content. */
  readonly size: number;
  /** Hex. */
  readonly md5: string | undefined;
  /** What the client promised and, once the body was read, what was found to be so. */
  readonly checksum: { name: Checksum; value: string | undefined } | undefined;
  readonly #incoming: Incoming;
  readonly #chunked: AwsChunked | undefined;
  readonly #checks: Check[] = [];
  #seen = 0;
  #failure: Error | undefined;

  /** @throws S3Error MissingContentLength, EntityTooLarge, InvalidRequest, InvalidDigest, NotImplemented */
  constructor(incoming: Incoming, request: S3Request, auth: Authenticated) {
    const { headers } = request;
    this.#incoming = incoming;
    const { payload } = auth;
    const chunked = payload.startsWith('STREAMING-');
    const length = wholeNumber(header(request, 'content-length'));
    const decoded = wholeNumber(header(request, 'x-amz-decoded-content-length'));
    const size = chunked ? decoded : length;
    if (size === undefined) {
      throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
    }
    if (size > MAX_BODY) throw tooLarge(size);
    this.size = size;
    this.md5 = contentMd5(headers);
    const promised = promisedChecksum(headers);
    this.checksum = promised && { name: promised.checksum, value: promised.value };
    if (chunked) {
      this.#chunked = new AwsChunked(...framing(payload, auth));
    } else if (payload !== 'UNSIGNED-PAYLOAD') {
      if (!/^[0-9a-f]{64}$/.test(payload)) {
        throw new S3Error(
          'InvalidArgument',
          'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
        );
      }
      this.#add(
        createHash('sha256'),
        Buffer.from(payload, 'hex'),
        () =>
          new S3Error(
            'XAmzContentSHA256Mismatch',
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
          ),
      );
    }
    if (this.md5 !== undefined) {
      this.#add(
        createHash('md5'),
        Buffer.from(this.md5, 'hex'),
        () => new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.'),
      );
    }
    if (promised) {
      if (promised.value === undefined && !this.#chunked) {
        throw new S3Error('InvalidRequest', 'x-amz-trailer needs a body that is encoded as aws-chunked.');
      }
      const expected = promised.value === undefined ? undefined : Buffer.from(promised.value, 'base64');
      this.#add(
        checksumDigest(promised.checksum),
        expected,
        () =>
          new S3Error(
            'BadDigest',
            `The ${promised.checksum.toUpperCase()} you specified did not match the calculated checksum.`,
          ),
      );
    }
  }

  #add(digest: Digest, expected: Buffer | undefined, failure: () => S3Error): void {
    this.#checks.push({ digest, expected, failure });
  }

  /** Why reading it failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Reads a small body whole, checked. @param limit bytes @throws S3Error */
  async bytes(limit: number): Promise<Buffer> {
    if (this.size > limit) throw new S3Error('MaxMessageLengthExceeded', 'Your request was too big.');
    const pieces: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      this.#listen((piece) => pieces.push(piece), resolve, reject);
    });
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** The body as a stream that fails, before its last bytes, when anything is not as promised. */
  stream(): Readable {
    const bytes = this.#incoming.body;
    // HTTP's own framing is all there is to check, and the connection does that.
    if (this.#checks.length === 0 && !this.#chunked) return withThrowawayChunks(bytes);
    let held: Buffer | undefined;
    let started = false;
    const stream = new Readable({
      highWaterMark: 256 * 1024,
      read: () => {
        if (!started) {
          started = true;
          this.#listen(
            (piece) => {
              if (held && !stream.push(held)) bytes.pause();
              held = piece;
            },
            () => {
              if (held) stream.push(held);
              stream.push(null);
            },
            (error) => stream.destroy(error),
          );
        } else bytes.resume();
      },
      destroy: (error, done) => {
        bytes.pause();
        done(error);
      },
    });
    return withThrowawayChunks(stream);
  }

  #listen(emit: (piece: Buffer) => void, end: () => void, fail: (error: Error) => void): void {
    const bytes = this.#incoming.body;
    let over = false;
    const stop = (error: Error): void => {
      if (over) return;
      over = true;
      this.#failure = error;
      bytes.pause();
      fail(error);
    };
    const take = (piece: Buffer): void => {
      if (piece.length === 0) return;
      this.#seen += piece.length;
      if (this.#seen > this.size) throw incompleteBody();
      for (const { digest } of this.#checks) digest.update(piece);
      emit(piece);
    };
    bytes.on('data', (chunk: Buffer) => {
      if (over) return;
      try {
        if (this.#chunked) this.#chunked.write(chunk, take);
        else take(chunk);
      } catch (error) {
        stop(error as Error);
      }
    });
    bytes.on('end', () => {
      if (over) return;
      try {
        this.#finish();
      } catch (error) {
        stop(error as Error);
        return;
      }
      over = true;
      end();
    });
    bytes.on('error', stop);
    bytes.on('close', () => stop(incompleteBody()));
  }

  #finish(): void {
    this.#chunked?.finish();
    if (this.#seen !== this.size) throw incompleteBody();
    for (const { digest, expected, failure } of this.#checks) {
      const found = digest.digest();
      if (!(expected ?? this.#trailing()).equals(found)) throw failure();
    }
  }

  #trailing(): Buffer {
    const checksum = this.checksum!;
    const value = this.#chunked?.trailers.get(`x-amz-checksum-${checksum.name}`);
    if (value === undefined) {
      throw new S3Error(
        'InvalidRequest',
        `The trailer x-amz-checksum-${checksum.name} that was announced is missing.`,
      );
    }
    checksum.value = checkedForm(checksum.name, value);
    return Buffer.from(value, 'base64');
  }
}

/** What AwsChunked is to expect. */
function framing(payload: string, auth: Authenticated): [Authenticated['seed'] | undefined, boolean] {
  switch (payload) {
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return [auth.seed, false];
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return [auth.seed, true];
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return [undefined, false];
    default:
      throw new S3Error(
        'NotImplemented',
        `The payload signing method ${payload.slice(0, 60)} is not supported.`,
      );
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new S3Error('InvalidArgument', 'The length of the body is no number.');
  return Number(text);
}

const tooLarge = (size: number): S3Error =>
  new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.', {
    ProposedSize: String(size),
    MaxSizeAllowed: String(MAX_BODY),
  });
