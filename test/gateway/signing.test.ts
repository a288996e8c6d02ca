import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ALL, encode, exchange, presigned, startGateway } from './client.ts';

const gateway = await startGateway();
after(() => gateway.close());
const { store, port, send } = gateway;
await store.put('a/b c+d%.txt', Buffer.from('hello'));
const path = `/bucket/a/${encode('b c+d%.txt')}`;

describe('a signature in the header', () => {
  it('is accepted, for every way of writing the same key', async () => {
    assert.equal((await send({ path })).text, 'hello');
    const plain = await send({ path, spoil: () => undefined });
    assert.equal(plain.status, 200);
    // The same key with needless escapes has the same canonical form.
    const answer = await send({ path });
    assert.equal(answer.headers['content-length'], '5');
  });

  for (const [what, spoil] of Object.entries({
    'another signature': (headers: Record<string, string>) => {
      headers.authorization = headers.authorization!.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    },
    'another header': (headers: Record<string, string>) => {
      headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    },
    'a short signature': (headers: Record<string, string>) => {
      headers.authorization = headers.authorization!.slice(0, -1);
    },
  })) {
    it(`is refused with ${what}`, async () => {
      const answer = await send({ path, spoil });
      assert.deepEqual([answer.status, answer.code], [403, 'SignatureDoesNotMatch']);
      assert.match(answer.text, /<RequestId>[0-9A-F]+<\/RequestId>/);
    });
  }

  it('is refused with another secret, an unknown key, none at all', async () => {
    const wrong = await send({ path, key: { ...ALL, secretKey: 'no' } });
    assert.deepEqual([wrong.status, wrong.code], [403, 'SignatureDoesNotMatch']);
    const unknown = await send({ path, key: { accessKey: 'AKNOBODY', secretKey: 'x' } });
    assert.deepEqual([unknown.status, unknown.code], [403, 'InvalidAccessKeyId']);
    const anonymous = await send({ path, anonymous: true });
    assert.deepEqual([anonymous.status, anonymous.code], [403, 'AccessDenied']);
    const old = await send({ path, anonymous: true, headers: { authorization: 'AWS AKALL:c2lnbmF0dXJl' } });
    assert.deepEqual([old.status, old.code], [400, 'InvalidRequest']);
  });

  it('is refused when the clocks are more than 15 minutes apart', async () => {
    for (const minutes of [-16, 16]) {
      const answer = await send({ path, now: new Date(Date.now() + minutes * 60_000) });
      assert.deepEqual([answer.status, answer.code], [403, 'RequestTimeTooSkewed']);
    }
    for (const minutes of [-14, 14]) {
      assert.equal((await send({ path, now: new Date(Date.now() + minutes * 60_000) })).status, 200);
    }
  });

  it('must cover the host and every x-amz- header', async () => {
    const answer = await send({
      method: 'PUT',
      path: '/bucket/new',
      spoil: (headers) => {
        headers['x-amz-meta-added'] = 'later';
      },
    });
    assert.deepEqual([answer.status, answer.code], [403, 'AccessDenied']);
    assert.match(answer.text, /x-amz-meta-added/);
  });

  it('may be of any region, and header values keep their bytes', async () => {
    assert.equal((await send({ path, region: 'eu-central-1' })).status, 200);
    const name = Buffer.from('größe  ✓').toString('latin1');
    const put = await send({ method: 'PUT', path: '/bucket/meta', headers: { 'x-amz-meta-name': name } });
    assert.equal(put.status, 200);
    assert.equal((await store.head('meta')).metadata?.name, 'größe  ✓');
    const head = await send({ method: 'HEAD', path: '/bucket/meta' });
    assert.equal(head.headers['x-amz-meta-name'], name);
  });

  for (const [what, authorization, code] of [
    ['no fields', 'AWS4-HMAC-SHA256 x', 'AuthorizationHeaderMalformed'],
    [
      'a short scope',
      'AWS4-HMAC-SHA256 Credential=AKALL/x, SignedHeaders=host, Signature=0',
      'AuthorizationHeaderMalformed',
    ],
    [
      'another service',
      'AWS4-HMAC-SHA256 Credential=AKALL/20200101/r/sts/aws4_request, SignedHeaders=host, Signature=0',
      'AuthorizationHeaderMalformed',
    ],
    [
      'another day',
      'AWS4-HMAC-SHA256 Credential=AKALL/20200101/r/s3/aws4_request, SignedHeaders=host, Signature=0',
      'AuthorizationHeaderMalformed',
    ],
  ] as const) {
    it(`is refused when malformed: ${what}`, async () => {
      const answer = await send({
        path,
        spoil: (headers) => {
          headers.authorization = authorization;
        },
      });
      assert.deepEqual([answer.status, answer.code], [400, code]);
    });
  }
});

describe('a presigned address', () => {
  const get = (target: string, method = 'GET', body = '') =>
    exchange(port, method, target, { host: `127.0.0.1:${port}` }, body);

  it('reads and writes', async () => {
    assert.equal((await get(presigned(port, { path }))).text, 'hello');
    const put = await get(presigned(port, { path: '/bucket/presigned', method: 'PUT' }), 'PUT', 'written');
    assert.equal(put.status, 200);
    assert.equal((await get(presigned(port, { path: '/bucket/presigned' }))).text, 'written');
  });

  it('is good for its method, key and query only', async () => {
    const target = presigned(port, { path });
    assert.equal((await get(target, 'DELETE')).code, 'SignatureDoesNotMatch');
    assert.equal((await get(target.replace('/a/', '/b/'))).code, 'SignatureDoesNotMatch');
    assert.equal((await get(`${target}&response-content-type=text/html`)).code, 'SignatureDoesNotMatch');
    assert.equal(
      (await get(target.replace(/.$/, (c) => (c === '0' ? '1' : '0')))).code,
      'SignatureDoesNotMatch',
    );
  });

  it('ends', async () => {
    const past = presigned(port, { path, expires: 60, now: new Date(Date.now() - 61_000) });
    const answer = await get(past);
    assert.deepEqual([answer.status, answer.code], [403, 'AccessDenied']);
    assert.match(answer.text, /Request has expired/);
    const future = presigned(port, { path, now: new Date(Date.now() + 16 * 60_000) });
    assert.equal((await get(future)).code, 'AccessDenied');
  });

  it('is good for a week at most', async () => {
    assert.equal((await get(presigned(port, { path, expires: 604_800 }))).status, 200);
    for (const expires of [604_801, 0, -1, 'x', '']) {
      const answer = await get(presigned(port, { path, expires }));
      assert.deepEqual(
        [answer.status, answer.code],
        [400, 'AuthorizationQueryParametersError'],
        String(expires),
      );
    }
  });

  it('overrides headers of the answer', async () => {
    const query = {
      'response-content-type': 'text/html',
      'response-content-disposition': 'attachment; filename="x"',
    };
    const answer = await get(presigned(port, { path, query }));
    assert.equal(answer.headers['content-type'], 'text/html');
    assert.equal(answer.headers['content-disposition'], 'attachment; filename="x"');
  });

  it('cannot be mixed with a signature in the header', async () => {
    const answer = await exchange(port, 'GET', presigned(port, { path }), {
      host: `127.0.0.1:${port}`,
      authorization: 'AWS4-HMAC-SHA256 Credential=x',
    });
    assert.equal(answer.code, 'InvalidArgument');
  });
});
