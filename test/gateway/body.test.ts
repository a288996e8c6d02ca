import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { Crc64Nvme, crc32c } from '../../src/gateway/crc.ts';
import { type Answer, EMPTY, exchange, hmac, type Signed, sha256, signed, startGateway } from './client.ts';

const gateway = await startGateway();
after(() => gateway.close());
const { store, port, send } = gateway;

const small = Buffer.from('hello, wide world');
const large = Buffer.alloc(700_001, 'sluice through the gate ');
const base64 = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('base64');
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
};
const crc64 = (bytes: Buffer) => {
  const crc = new Crc64Nvme();
  crc.update(bytes);
  return crc.digest().toString('base64');
};

async function missing(key: string): Promise<void> {
  await assert.rejects(store.head(key), { code: 'NOT_FOUND' });
}

async function refused(answer: Answer, status: number, code: string, key: string): Promise<void> {
  assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
  await missing(key);
}

async function stored(key: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.get(key)).body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const [size, body] of Object.entries({ small, large })) {
  describe(`a ${size} body`, () => {
    const key = `body/${size}`;
    const path = `/bucket/${key}`;
    const put = (headers: Record<string, string>, payload?: string) =>
      send({ method: 'PUT', path: `${path}/bad`, body, headers, payload });

    it('must have the SHA-256 that was signed', async () => {
      assert.equal((await send({ method: 'PUT', path, body })).status, 200);
      assert.ok((await stored(key)).equals(body));
      await refused(await put({}, sha256('other')), 400, 'XAmzContentSHA256Mismatch', `${key}/bad`);
      await refused(await put({}, 'nonsense'), 400, 'InvalidArgument', `${key}/bad`);
    });

    it('must have the MD5 that was promised', async () => {
      const wrong = base64('md5', Buffer.from('other'));
      await refused(await put({ 'content-md5': wrong }, 'UNSIGNED-PAYLOAD'), 400, 'BadDigest', `${key}/bad`);
      await refused(await put({ 'content-md5': 'short' }), 400, 'InvalidDigest', `${key}/bad`);
      const right = { 'content-md5': base64('md5', body) };
      assert.equal((await send({ method: 'PUT', path, body, headers: right })).status, 200);
    });

    for (const [name, value] of Object.entries({
      crc32: uint32(crc32(body)),
      crc32c: uint32(crc32c(body)),
      crc64nvme: crc64(body),
      sha1: base64('sha1', body),
      sha256: base64('sha256', body),
    })) {
      const header = `x-amz-checksum-${name}`;
      const wrong = value.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));

      it(`must have the ${name} of its header`, async () => {
        const answer = await send({
          method: 'PUT',
          path,
          body,
          headers: { [header]: value },
          payload: 'UNSIGNED-PAYLOAD',
        });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers[header], value);
        await refused(await put({ [header]: wrong }, 'UNSIGNED-PAYLOAD'), 400, 'BadDigest', `${key}/bad`);
        await refused(await put({ [header]: 'AAA' }), 400, 'InvalidRequest', `${key}/bad`);
      });

      it(`must have the ${name} of its trailer`, async () => {
        const answer = await trailed(path, body, header, value);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers[header], value);
        assert.ok((await stored(key)).equals(body));
        assert.equal((await store.head(key)).contentEncoding, undefined);
        await refused(await trailed(`${path}/bad`, body, header, wrong), 400, 'BadDigest', `${key}/bad`);
        await refused(
          await trailed(`${path}/bad`, body, header, undefined),
          400,
          'InvalidRequest',
          `${key}/bad`,
        );
      });
    }

    it('cannot promise two checksums', async () => {
      const two = { 'x-amz-checksum-crc32': uint32(1), 'x-amz-checksum-sha1': base64('sha1', body) };
      await refused(await put(two), 400, 'InvalidRequest', `${key}/bad`);
    });

    it('may come in signed chunks', async () => {
      const answer = await chunked(path, body);
      assert.equal(answer.status, 200, answer.text);
      assert.ok((await stored(key)).equals(body));
    });

    it('may come in signed chunks with a signed trailer', async () => {
      const trailer = ['x-amz-checksum-crc32c', uint32(crc32c(body))] as const;
      assert.equal((await chunked(path, body, { trailer })).status, 200);
      const wrong = ['x-amz-checksum-crc32c', uint32(1)] as const;
      await refused(await chunked(`${path}/bad`, body, { trailer: wrong }), 400, 'BadDigest', `${key}/bad`);
      const forged = await chunked(`${path}/bad`, body, {
        trailer,
        spoil: (text) => text.replace(/(trailer-signature:)./, '$1x'),
      });
      await refused(forged, 403, 'SignatureDoesNotMatch', `${key}/bad`);
    });

    for (const [what, spoil, status, code] of [
      [
        'another signature of a chunk',
        (t: string) => t.replace(/chunk-signature=./, 'chunk-signature=x'),
        400,
        'IncompleteBody',
      ],
      [
        'a forged signature of a chunk',
        (t: string) => t.replace(/chunk-signature=.{64}/, `chunk-signature=${'0'.repeat(64)}`),
        403,
        'SignatureDoesNotMatch',
      ],
      [
        'a forged signature of the last chunk',
        (t: string) => t.replace(/\r\n0;chunk-signature=.{64}/, `\r\n0;chunk-signature=${'0'.repeat(64)}`),
        403,
        'SignatureDoesNotMatch',
      ],
      [
        'no signature of a chunk',
        (t: string) => t.replace(/;chunk-signature=.{64}/, ''),
        403,
        'SignatureDoesNotMatch',
      ],
      [
        'changed data',
        (t: string) =>
          t
            .replace(/(e|l)/, 'X')
            .replace(/chunk-siXnature|chunk-signaturX/, 'chunk-signature')
            .replace(/w/, 'W')
            .replace(/gat[ex]/, 'GATE'),
        403,
        'SignatureDoesNotMatch',
      ],
      [
        'no last chunk',
        (t: string) => t.replace(/\r\n0;chunk-signature=.*$/s, '\r\n'),
        400,
        'IncompleteBody',
      ],
      ['a size that is no number', (t: string) => `z${t.slice(1)}`, 400, 'IncompleteBody'],
      ['an endless size line', (t: string) => '0'.repeat(5000) + t, 400, 'IncompleteBody'],
    ] as const) {
      it(`in signed chunks is refused with ${what}`, async () => {
        const answer = await chunked(`${path}/bad`, body, { spoil });
        await refused(answer, status, code, `${key}/bad`);
      });
    }

    it('in chunks must have as many bytes as it says', async () => {
      for (const decoded of [body.length - 1, body.length + 1]) {
        const answer = await chunked(`${path}/bad`, body, { decoded });
        await refused(answer, 400, 'IncompleteBody', `${key}/bad`);
      }
    });
  });
}

it('needs a length', async () => {
  const headers = { 'transfer-encoding': 'chunked' };
  const answer = await send({
    method: 'PUT',
    path: '/bucket/no-length',
    body: 'x',
    headers,
    payload: 'UNSIGNED-PAYLOAD',
  });
  await refused(answer, 411, 'MissingContentLength', 'no-length');
});

it('is refused at once when it says that it is too large', async () => {
  const ask = { method: 'PUT', path: '/bucket/huge', payload: 'UNSIGNED-PAYLOAD' };
  const { headers } = signed(port, { ...ask, headers: { 'content-length': String(6 * 1024 ** 3) } });
  const answer = await exchange(port, 'PUT', ask.path, { ...headers, expect: '100-continue' });
  await refused(answer, 400, 'EntityTooLarge', 'huge');
});

it('does not take every way of signing a payload', async () => {
  const answer = await send({
    method: 'PUT',
    path: '/bucket/v4a',
    payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD',
    headers: { 'x-amz-decoded-content-length': '1' },
  });
  await refused(answer, 501, 'NotImplemented', 'v4a');
});

/** STREAMING-UNSIGNED-PAYLOAD-TRAILER, as the AWS SDKs send. */
function trailed(path: string, body: Buffer, header: string, value: string | undefined): Promise<Answer> {
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length; at += 65_536) {
    const chunk = body.subarray(at, at + 65_536);
    frames.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  frames.push(Buffer.from(`0\r\n${value === undefined ? '' : `${header}:${value}\r\n`}\r\n`));
  return send({
    method: 'PUT',
    path,
    payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(body.length),
      'x-amz-trailer': header,
    },
    body: Buffer.concat(frames),
  });
}

interface Chunking {
  trailer?: readonly [string, string];
  spoil?: (text: string) => string;
  decoded?: number;
}

/** STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER], as S3A and older SDKs send. */
function chunked(path: string, body: Buffer, options: Chunking = {}): Promise<Answer> {
  const { trailer, spoil, decoded = body.length } = options;
  const headers: Record<string, string> = {
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': String(decoded),
    ...(trailer && { 'x-amz-trailer': trailer[0] }),
  };
  const payload = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`;
  const seed: Signed = signed(port, { method: 'PUT', path, payload, headers });
  let previous = seed.signature;
  const sign = (kind: string, rest: string): string => {
    const text = `AWS4-HMAC-SHA256-${kind}\n${seed.timestamp}\n${seed.scope}\n${previous}\n${rest}`;
    previous = hmac(seed.signingKey, text).toString('hex');
    return previous;
  };
  let text = '';
  for (let at = 0; ; at += 65_536) {
    const chunk = body.subarray(at, at + 65_536);
    const signature = sign('PAYLOAD', `${EMPTY}\n${sha256(chunk)}`);
    text += `${chunk.length.toString(16)};chunk-signature=${signature}\r\n${chunk.toString('latin1')}`;
    if (chunk.length === 0) break;
    text += '\r\n';
  }
  if (trailer) {
    const line = `${trailer[0]}:${trailer[1]}`;
    text += `${line}\r\nx-amz-trailer-signature:${sign('TRAILER', sha256(`${line}\n`))}\r\n\r\n`;
  } else text += '\r\n';
  return exchange(port, 'PUT', path, seed.headers, Buffer.from(spoil ? spoil(text) : text, 'latin1'));
}
