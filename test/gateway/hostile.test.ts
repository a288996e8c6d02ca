import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { ALL, encode, exchange, raw, send, signed, startGateway } from './client.ts';

const gateway = await startGateway({ limits: { headerBytes: 8192 } });
after(() => gateway.close());
const { store, port } = gateway;

async function nothingWritten(): Promise<void> {
  for await (const page of store.list()) assert.deepEqual(page.objects, []);
}

function refused(answer: string, status: number, code: string): void {
  assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), answer.slice(0, 200));
  assert.match(answer, new RegExp(`<Code>${code}</Code>`), answer.slice(0, 600));
}

const head = (headers: Record<string, string>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');

describe('requests that smuggle', () => {
  const { headers } = signed(port, { method: 'PUT', path: '/bucket/smuggled', payload: 'UNSIGNED-PAYLOAD' });

  for (const [what, framing] of [
    [
      'both a length and chunks',
      'content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ],
    ['two lengths', 'content-length: 3\r\ncontent-length: 30\r\n\r\nabc'],
    ['a length that is no number', 'content-length: 3x\r\n\r\nabc'],
    ['a negative length', 'content-length: -3\r\n\r\nabc'],
    ['a transfer coding that is not known', 'transfer-encoding: gzip, chunked, identity\r\n\r\nabc'],
    ['a header with a space in its name', 'content-length : 3\r\n\r\nabc'],
    ['a bare line feed in a header', 'content-length: 3\r\nx-amz-meta-a: b\rc\r\n\r\nabc'],
  ]) {
    it(`are refused: ${what}`, async () => {
      refused(
        await raw(port, `PUT /bucket/smuggled HTTP/1.1\r\n${head(headers)}${framing}`),
        400,
        'BadRequest',
      );
      await nothingWritten();
    });
  }
});

describe('names', () => {
  for (const [what, path, status, code] of [
    ['a key of 1,025 bytes', `/bucket/${'k'.repeat(1025)}`, 400, 'KeyTooLongError'],
    ['a key of 513 two-byte letters', `/bucket/${encode('é'.repeat(513))}`, 400, 'KeyTooLongError'],
    ['a NUL', '/bucket/a%00b', 400, 'InvalidURI'],
    ['a line feed', '/bucket/a%0Ab', 400, 'InvalidArgument'],
    ['an escape character', '/bucket/a%1Bb', 400, 'InvalidArgument'],
    ['bytes that are no UTF-8', '/bucket/a%FFb', 400, 'InvalidURI'],
    ['an overlong encoding of a slash', '/bucket/a%C0%AFb', 400, 'InvalidURI'],
    ['half a surrogate', '/bucket/a%ED%A0%80b', 400, 'InvalidURI'],
    ['a broken escape', '/bucket/a%4', 400, 'InvalidURI'],
    ['a bucket that climbs', '/%2E%2E/etc', 400, 'InvalidBucketName'],
    ['a bucket with a slash', '/a%2Fb/key', 400, 'InvalidBucketName'],
    ['a bucket of one letter', '/b/key', 400, 'InvalidBucketName'],
  ] as const) {
    it(`are refused: ${what}`, async () => {
      const answer = await send(port, { method: 'PUT', path, body: 'x' });
      assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
      await nothingWritten();
    });
  }

  it('with dots are just names for an object store', async () => {
    const path = '/bucket/../other/%2E%2E/x';
    assert.equal(
      (await send(port, { method: 'PUT', path: path.replaceAll('%2E', '.'), body: 'dots' })).status,
      200,
    );
    const keys: string[] = [];
    for await (const page of store.list()) keys.push(...page.objects.map(({ key }) => key));
    assert.deepEqual(keys, ['../other/../x']);
    await store.delete(keys[0]!);
  });
});

describe('a body that ends too early', () => {
  it('writes nothing', async () => {
    for (const payload of ['UNSIGNED-PAYLOAD', createHash('sha256').update('abc').digest('hex')]) {
      for (const size of [1000, 1_000_000]) {
        const ask = { method: 'PUT', path: '/bucket/short', payload };
        const { headers } = signed(port, ask);
        const text = `PUT /bucket/short HTTP/1.1\r\n${head(headers)}content-length: ${size}\r\n\r\n${'a'.repeat(size - 1)}`;
        await raw(port, text, { end: true });
      }
    }
    await nothingWritten();
  });
});

describe('slow clients', () => {
  // Not where the other requests go: on a machine that stands still for a moment they are slow, too.
  let impatient: Awaited<ReturnType<typeof startGateway>>;
  before(async () => {
    impatient = await startGateway({ limits: { idleTime: 400, headerTime: 400 } });
  });
  after(() => impatient?.close());

  it('are sent away when their headers do not come', async () => {
    const answer = await raw(impatient.port, 'GET /bucket HTTP/1.1\r\nhost: x\r\n');
    if (answer !== '') refused(answer, 400, 'RequestTimeout');
  });

  it('are sent away when their body stops', async () => {
    const { port, store } = impatient;
    const { headers } = signed(port, { method: 'PUT', path: '/bucket/slow', payload: 'UNSIGNED-PAYLOAD' });
    const start = `PUT /bucket/slow HTTP/1.1\r\n${head(headers)}content-length: 1000000\r\n\r\nabc`;
    refused(await raw(port, start), 400, 'RequestTimeout');
    for await (const page of store.list()) assert.deepEqual(page.objects, []);
  });
});

describe('large things', () => {
  it('are refused: headers', async () => {
    const text = `GET /bucket HTTP/1.1\r\nhost: x\r\nx-amz-meta-a: ${'a'.repeat(9000)}\r\n\r\n`;
    refused(await raw(port, text), 400, 'RequestHeaderSectionTooLarge');
  });

  it('are refused: metadata', async () => {
    const answer = await send(port, {
      method: 'PUT',
      path: '/bucket/meta',
      headers: { 'x-amz-meta-a': 'a'.repeat(2100) },
    });
    assert.deepEqual([answer.status, answer.code], [400, 'MetadataTooLarge']);
    await nothingWritten();
  });

  it('are refused before they are sent: XML', async () => {
    const ask = { method: 'POST', path: '/bucket', query: { delete: '' }, payload: 'UNSIGNED-PAYLOAD' };
    const md5 = createHash('md5').update('').digest('base64');
    const { headers } = signed(port, { ...ask, headers: { 'content-md5': md5 } });
    const text = `POST /bucket?delete= HTTP/1.1\r\n${head(headers)}content-length: 100000000\r\nexpect: 100-continue\r\n\r\n`;
    const answer = await raw(port, text);
    refused(answer, 400, 'MaxMessageLengthExceeded');
  });
});

describe('XML', () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    send(port, { method: 'POST', path: '/bucket', query: { delete: '' }, body, headers });

  for (const [what, body] of Object.entries({
    'an entity that grows':
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
    'an entity that reads a file':
      '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&f;</Key></Object></Delete>',
    'deep nesting': `${'<a>'.repeat(1000)}${'</a>'.repeat(1000)}`,
    'half a document': '<Delete><Object><Key>a</Key>',
    'another document': '<Other/>',
    'no keys': '<Delete></Delete>',
    'too many keys': `<Delete>${'<Object><Key>a</Key></Object>'.repeat(1001)}</Delete>`,
    nothing: '',
    'no XML': '{"Delete": []}',
  })) {
    it(`is refused: ${what}`, async () => {
      const answer = await post(body);
      assert.deepEqual([answer.status, answer.code], [400, 'MalformedXML'], answer.text);
    });
  }

  it('that is compressed is not unpacked', async () => {
    const answer = await post('\x1f\x8b\x08\x00', { 'content-encoding': 'gzip' });
    assert.equal(answer.code, 'MalformedXML');
  });
});

describe('unsigned requests', () => {
  it('get an error and have no effect', async () => {
    await store.put('kept', Buffer.from('kept'));
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/bucket'],
      ['GET', '/bucket/kept'],
      ['PUT', '/bucket/kept'],
      ['DELETE', '/bucket/kept'],
      ['POST', '/bucket?delete'],
      ['POST', '/bucket/kept?uploads'],
      ['OPTIONS', '/bucket/kept'],
    ] as const) {
      const answer = await exchange(port, method, path, { host: 'x' });
      assert.deepEqual([answer.status, answer.code], [403, 'AccessDenied'], `${method} ${path}`);
    }
    assert.equal((await store.head('kept')).size, 4);
    await store.delete('kept');
  });

  it('get an answer although they sent a body that nobody reads', async () => {
    const answer = await exchange(port, 'PUT', '/bucket/x', { host: 'x' }, Buffer.alloc(3_000_000));
    assert.equal(answer.code, 'AccessDenied');
  });

  it('are not asked for their body', async () => {
    const text = 'PUT /bucket/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n';
    const answer = await raw(port, text);
    refused(answer, 403, 'AccessDenied');
  });

  it('may ask whether the gateway lives', async () => {
    const answer = await exchange(port, 'GET', '/-/health', { host: 'x' });
    assert.deepEqual([answer.status, answer.text], [200, 'ok\n']);
  });
});

it('answers an expectation that it does not know', async () => {
  const answer = await exchange(port, 'GET', '/bucket', { host: 'x', expect: 'miracles' });
  assert.deepEqual([answer.status, answer.code], [417, 'ExpectationFailed']);
});

it('shows properties of a target that HTTP cannot hold, without breaking', async () => {
  const properties = { contentType: 'text/x\r\nset-cookie: a', metadata: { 'bad name': 'x', ok: 'a\nb' } };
  await store.put('odd', Buffer.from('odd'), {
    contentType: properties.contentType,
    metadata: { ok: 'a\nb' },
  });
  const answer = await send(port, { path: '/bucket/odd' });
  assert.equal(answer.text, 'odd');
  assert.equal(answer.headers['set-cookie'], undefined);
  assert.equal(answer.headers['x-amz-meta-ok'], 'a b');
  await store.put('worse', Buffer.from('worse'), properties);
  assert.equal((await send(port, { path: '/bucket/worse' })).status, 500);
  await store.deleteMany(['odd', 'worse']);
});

it('tells no secret in an error', async () => {
  const answer = await send(port, { path: '/bucket/x', key: { ...ALL, secretKey: 'wrong' } });
  assert.doesNotMatch(answer.text, /secret-of-all|wrong/);
});

it('says SlowDown when too much is asked at once', async () => {
  const refused = Promise.withResolvers<void>();
  const busy = await startGateway({ limits: { requests: 2 } }, (inner) =>
    Object.assign(Object.create(inner), {
      kind: 'slow',
      multipart: inner.multipart,
      head: async (key: string) => {
        await refused.promise;
        return inner.head(key);
      },
    }),
  );
  after(() => busy.close());
  let slowDowns = 0;
  const answers = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const answer = await busy.send({ path: '/bucket/x', query: { tagging: '' } });
      if (answer.code === 'SlowDown' && ++slowDowns === 4) refused.resolve();
      return answer;
    }),
  );
  const codes = answers.map(({ code }) => code).sort();
  assert.deepEqual(codes, ['NoSuchKey', 'NoSuchKey', 'SlowDown', 'SlowDown', 'SlowDown', 'SlowDown']);
});
