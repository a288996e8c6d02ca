/**
 * The aws-chunked content encoding (Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
 * Transferring Payload in Multiple Chunks", and "… Including Trailing Headers"): chunks of
 * `size[;chunk-signature=…]\r\n data \r\n`, an empty one at the end, then trailing headers.
 */
import { createHash, type Hash } from 'node:crypto';
import { EMPTY_PAYLOAD } from '../stores/s3/signer.ts';
import type { ChunkSeed } from './authenticate.ts';
import { S3Error } from './errors.ts';
import { sameSignature } from './signature.ts';

const MAX_LINE = 256;
const MAX_TRAILER = 8192;
const CR = 13;
const LF = 10;

type State = 'size' | 'data' | 'after-data' | 'trailer';

/** Takes the framing off a body, and checks each chunk's signature where they are signed. */
export class AwsChunked {
  /** Names in lower case; complete after `finish`. */
  readonly trailers = new Map<string, string>();
  readonly #seed: ChunkSeed | undefined;
  readonly #signedTrailer: boolean;
  #previous: string;
  #state: State = 'size';
  #line = '';
  #left = 0;
  #hash: Hash | undefined;
  #signature: string | undefined;
  #trailer = '';

  /** @param seed where chunks are signed @param signedTrailer whether a trailer with a signature of its own follows */
  constructor(seed: ChunkSeed | undefined, signedTrailer: boolean) {
    this.#seed = seed;
    this.#signedTrailer = signedTrailer;
    this.#previous = seed?.signature ?? '';
  }

  /** @param emit gets the data, in pieces of what came @throws S3Error */
  write(bytes: Buffer, emit: (data: Buffer) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const data = bytes.subarray(at, at + this.#left);
        at += data.length;
        this.#left -= data.length;
        this.#hash?.update(data);
        emit(data);
        if (this.#left === 0) this.#state = 'after-data';
      } else if (this.#state === 'trailer') {
        this.#trailer += bytes.toString('latin1', at);
        if (this.#trailer.length > MAX_TRAILER) throw broken();
        return;
      } else {
        at = this.#takeLine(bytes, at);
      }
    }
  }

  #takeLine(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(LF, from);
    const to = end < 0 ? bytes.length : end;
    this.#line += bytes.toString('latin1', from, to);
    if (this.#line.length > MAX_LINE) throw broken();
    if (end < 0) return to;
    if (this.#line.charCodeAt(this.#line.length - 1) !== CR) throw broken();
    const line = this.#line.slice(0, -1);
    this.#line = '';
    if (this.#state === 'after-data') {
      if (line !== '') throw broken();
      this.#checkChunk();
      this.#state = 'size';
    } else this.#startChunk(line);
    return end + 1;
  }

  #startChunk(line: string): void {
    const match = /^([0-9a-f]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
    if (!match) throw broken();
    this.#left = Number.parseInt(match[1]!, 16);
    if (this.#seed) {
      if (!match[2]) throw mismatch();
      this.#signature = match[2];
      this.#hash = createHash('sha256');
    }
    if (this.#left > 0) {
      this.#state = 'data';
      return;
    }
    this.#checkChunk();
    this.#state = 'trailer';
  }

  #checkChunk(): void {
    if (!this.#seed) return;
    const { key, timestamp, scope } = this.#seed;
    const expected = key.digest(
      `AWS4-HMAC-SHA256-PAYLOAD\n${timestamp}\n${scope}\n${this.#previous}\n${EMPTY_PAYLOAD}\n${this.#hash!.digest('hex')}`,
    );
    if (!sameSignature(expected, this.#signature!)) throw mismatch();
    this.#previous = expected;
  }

  /** Reads the trailer. @throws S3Error when the body ended too early or the trailer's signature is wrong */
  finish(): void {
    if (this.#state !== 'trailer') {
      throw new S3Error('IncompleteBody', 'The request body terminated unexpectedly.');
    }
    let signed = '';
    let signature: string | undefined;
    for (const line of this.#trailer.split(/[\r\n]+/)) {
      if (line === '') continue;
      const at = line.indexOf(':');
      if (at < 1) throw broken();
      const name = line.slice(0, at).trim().toLowerCase();
      const value = line.slice(at + 1).trim();
      if (name === 'x-amz-trailer-signature') {
        signature = value;
        continue;
      }
      this.trailers.set(name, value);
      signed += `${name}:${value}\n`;
    }
    if (!this.#seed) return;
    if (!this.#signedTrailer) {
      if (signed !== '' || signature !== undefined) throw broken();
      return;
    }
    const { key, timestamp, scope } = this.#seed;
    const digest = createHash('sha256').update(signed, 'latin1').digest('hex');
    const expected = key.digest(
      `AWS4-HMAC-SHA256-TRAILER\n${timestamp}\n${scope}\n${this.#previous}\n${digest}`,
    );
    if (signature === undefined || !sameSignature(expected, signature)) throw mismatch();
  }
}

const broken = (): S3Error =>
  new S3Error('IncompleteBody', 'The request body is not encoded as aws-chunked, as its headers say.');

const mismatch = (): S3Error =>
  new S3Error(
    'SignatureDoesNotMatch',
    'The signature of a chunk does not match the signature we calculated. Check your key and signing method.',
  );
