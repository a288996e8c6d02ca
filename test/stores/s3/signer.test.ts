import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import {
  canonicalQuery,
  EMPTY_PAYLOAD,
  encodeKey,
  encodePart,
  Signer,
  UNSIGNED_PAYLOAD,
} from '../../../src/stores/s3/signer.ts';
import fc from '../../property.ts';

/** The credentials of every published example. */
const EXAMPLE = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const MAY_24 = Date.UTC(2013, 4, 24);
const HOST = 'examplebucket.s3.amazonaws.com';

function signatureOf(headers: string[]): string {
  return headers[headers.indexOf('authorization') + 1]!.split('Signature=')[1]!;
}

// Examples of "Authenticating Requests: Using the Authorization Header", Amazon S3 API reference.
test('an object’s lifecycle is asked for as in the published example', () => {
  const signed = new Signer().sign(
    { method: 'GET', path: '/', query: 'lifecycle=', host: HOST, headers: [], payload: EMPTY_PAYLOAD },
    EXAMPLE,
    'us-east-1',
    MAY_24,
  );
  assert.equal(signatureOf(signed), 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
  assert.equal(
    signed[signed.indexOf('authorization') + 1]!.split(', Signature')[0],
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date',
  );
});

test('a listing is asked for as in the published example', () => {
  const signed = new Signer().sign(
    {
      method: 'GET',
      path: '/',
      query: canonicalQuery({ prefix: 'J', 'max-keys': '2' }),
      host: HOST,
      headers: [],
      payload: EMPTY_PAYLOAD,
    },
    EXAMPLE,
    'us-east-1',
    MAY_24,
  );
  assert.equal(signatureOf(signed), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7');
});

test('an address is presigned as in the published example', () => {
  const query = new Signer().presign(
    { method: 'GET', path: '/test.txt', host: HOST },
    EXAMPLE,
    'us-east-1',
    86_400,
    MAY_24,
  );
  assert.equal(
    query,
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', asBytes(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(asBytes(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

function asBytes(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

test('any request is signed as the AWS SDK signs it', async () => {
  const signer = new Signer();
  const name = fc.stringMatching(/^x-amz-meta-[a-z]{1,5}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  const request = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'HEAD', 'DELETE'),
    key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((key) => key.isWellFormed()),
    query: fc.dictionary(fc.stringMatching(/^[a-zA-Z-]{1,8}$/), fc.string({ maxLength: 8 }), { maxKeys: 4 }),
    headers: fc.dictionary(fc.oneof(name, fc.constantFrom('content-type', 'content-md5')), value, {
      maxKeys: 5,
    }),
    token: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{4,30}$/), { nil: undefined }),
    now: fc.integer({ min: 1e12, max: 2e12 }),
    region: fc.constantFrom('us-east-1', 'eu-central-1'),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, key, query, headers, token, now, region }) => {
      const credentials = { ...EXAMPLE, ...(token !== undefined && { sessionToken: token }) };
      const path = `/bucket/${encodeKey(key)}`;
      const ours = signer.sign(
        {
          method,
          path,
          query: canonicalQuery(query),
          host: HOST,
          headers: Object.entries(headers).flat(),
          payload: UNSIGNED_PAYLOAD,
        },
        credentials,
        region,
        now,
      );
      const theirs = await new SignatureV4({
        service: 's3',
        region,
        credentials,
        sha256: Sha256,
        uriEscapePath: false,
        applyChecksum: true,
      }).sign(
        {
          method,
          protocol: 'https:',
          hostname: HOST,
          path,
          query,
          headers: { ...headers, host: HOST, 'x-amz-content-sha256': UNSIGNED_PAYLOAD },
        },
        { signingDate: new Date(now) },
      );
      assert.equal(ours[ours.indexOf('authorization') + 1], theirs.headers.authorization);
    }),
    { numRuns: 300 },
  );
});

test('keys are encoded once, and decode to themselves', () => {
  assert.equal(encodeKey('a/b c+d%41ü😀~'), 'a/b%20c%2Bd%2541%C3%BC%F0%9F%98%80~');
  assert.equal(encodePart("!'()*/"), '%21%27%28%29%2A%2F');
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((key) => key.isWellFormed()),
      (key) => {
        assert.equal(decodeURIComponent(encodeKey(key)), key);
        assert.match(encodeKey(key), /^[A-Za-z0-9\-._~/%]*$/);
      },
    ),
  );
});
