import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { patterned } from '../contracts/store/subject.ts';
import fc from '../property.ts';
import { until } from '../support/until.ts';
import { type Ask, presigned, raw, signed, startGateway } from './client.ts';

const gateway = await startGateway();
after(() => gateway.close());
const { store, port } = gateway;
await store.put('small', Buffer.from('small'));

const HEALTH = 'GET /-/health HTTP/1.1\r\nhost: x\r\n\r\n';

/** A request as text, signed. */
function text(ask: Ask, framing = '', body = ''): string {
  const { headers } = signed(port, { payload: 'UNSIGNED-PAYLOAD', ...ask });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${ask.method ?? 'GET'} ${ask.path} HTTP/1.1\r\n${lines.join('')}${framing}\r\n${body}`;
}

interface Talk {
  socket: Socket;
  /** All that came until it matches. */
  heard(what: RegExp): Promise<string>;
}

async function talk(): Promise<Talk> {
  const socket = connect(port, '127.0.0.1');
  after(() => socket.destroy());
  let came = '';
  socket.on('data', (chunk) => {
    came += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const heard = async (what: RegExp): Promise<string> => {
    await until(() => what.test(came));
    const all = came;
    came = '';
    return all;
  };
  return { socket, heard };
}

describe('one connection', () => {
  it('takes one request after the other, however their bytes are cut', async () => {
    const { socket, heard } = await talk();
    for (const byte of HEALTH) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await heard(/ok\n$/), /^HTTP\/1\.1 200 OK\r\n/);
    // Some clients end a body with an empty line that nobody counts.
    socket.write(`\r\n${text({ path: '/bucket/small' })}`);
    assert.match(await heard(/small$/), /^HTTP\/1\.1 200 OK\r\n/);
  });

  it('takes requests that do not wait for each other, and answers in their order', async () => {
    const { socket, heard } = await talk();
    const put = text({ method: 'PUT', path: '/bucket/piped' }, 'content-length: 5\r\n', 'piped');
    socket.write(put + text({ path: '/bucket/piped' }) + text({ path: '/bucket/none' }) + HEALTH);
    const answers = (await heard(/ok\n$/)).match(/HTTP\/1\.1 \d+|piped$|piped(?=HTTP)/gm);
    assert.deepEqual(answers, ['HTTP/1.1 200', 'HTTP/1.1 200', 'piped', 'HTTP/1.1 404', 'HTTP/1.1 200']);
    await store.delete('piped');
  });

  it('takes thousands at once', async () => {
    const { socket, heard } = await talk();
    socket.write(HEALTH.repeat(5000));
    let count = 0;
    while (count < 5000) count += (await heard(/ok\n/)).match(/ok\n/g)!.length;
    assert.equal(count, 5000);
  });

  it('goes on after a body that nobody read', async () => {
    const { socket, heard } = await talk();
    socket.write(text({ path: '/bucket/small' }, 'content-length: 3\r\n', 'abc') + HEALTH);
    assert.match(await heard(/ok\n$/), /small/);
  });

  it('ends after a body that nobody read and that has not come', async () => {
    const answer = await raw(port, text({ path: '/bucket/small' }, 'content-length: 30\r\n', 'abc'));
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\nconnection: close\r\n/);
  });

  it('may be ended by the client before it reads', async () => {
    const answer = await raw(port, text({ path: '/bucket/small' }) + HEALTH, { end: true });
    assert.match(answer, /small[\s\S]*ok\n$/);
  });

  it('ends when the client says so, and with HTTP/1.0', async () => {
    const close = await raw(port, text({ path: '/bucket/small' }, 'connection: close\r\n'));
    assert.match(close, /\r\nconnection: close\r\n[\s\S]*small$/);
    const old = await raw(
      port,
      `GET ${presigned(port, { path: '/bucket/small' })} HTTP/1.0\r\nhost: 127.0.0.1:${port}\r\n\r\n`,
    );
    assert.match(old, /^HTTP\/1\.1 200 OK\r\n[\s\S]*small$/);
  });
});

it('understands requests however they are cut', async () => {
  const chunked = { 'x-amz-decoded-content-length': '5' };
  const asks = [
    HEALTH,
    text({ path: '/bucket/small' }),
    text({ method: 'PUT', path: '/bucket/cut' }, 'content-length: 5\r\n', 'first'),
    text({ path: '/bucket/cut' }),
    text(
      {
        method: 'PUT',
        path: '/bucket/cut',
        headers: chunked,
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      },
      'transfer-encoding: chunked\r\n',
      '8\r\n5\r\nthird\r\n7;x\r\n\r\n0\r\n\r\n\r\n0\r\nx: y\r\n\r\n',
    ),
    text({ path: '/bucket/none' }),
    text({ path: '/bucket/cut' }),
    HEALTH,
  ];
  const all = Buffer.from(asks.join(''), 'latin1');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(all.length), { maxLength: 12 }), async (cuts) => {
      const { socket, heard } = await talk();
      const places = [0, ...cuts.sort((a, b) => a - b), all.length];
      for (let i = 1; i < places.length; i++) {
        socket.write(all.subarray(places[i - 1], places[i]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      const answers = await heard(/ok\n[\s\S]*ok\n$/);
      assert.deepEqual(answers.match(/HTTP\/1\.1 \d+|first|third|small|ok\n/g), [
        ...['HTTP/1.1 200', 'ok\n', 'HTTP/1.1 200', 'small', 'HTTP/1.1 200', 'HTTP/1.1 200', 'first'],
        ...['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'third', 'HTTP/1.1 200', 'ok\n'],
      ]);
      socket.destroy();
    }),
    { numRuns: 40 },
  );
  await store.delete('cut');
});

describe('bodies', () => {
  it('come in chunks', async () => {
    const bytes = 'first and second';
    const ask = {
      method: 'PUT',
      path: '/bucket/chunks',
      headers: { 'x-amz-decoded-content-length': String(bytes.length) },
    };
    const framed = `${bytes.length.toString(16)}\r\n${bytes}\r\n0\r\n\r\n`;
    const chunks = `5;a=b\r\n${framed.slice(0, 5)}\r\n${(framed.length - 5).toString(16)}\r\n${framed.slice(5)}\r\n0\r\nx: y\r\n\r\n`;
    const { socket, heard } = await talk();
    socket.write(
      text(
        { ...ask, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
        'transfer-encoding: chunked\r\n',
        chunks,
      ) + HEALTH,
    );
    assert.match(await heard(/ok\n$/), /^HTTP\/1\.1 200 OK\r\n/);
    const { body } = await store.get('chunks');
    assert.equal(Buffer.concat(await body.toArray()).toString(), bytes);
    await store.delete('chunks');
  });

  it('whose chunks are broken write nothing', async () => {
    const ask = { method: 'PUT', path: '/bucket/broken', headers: { 'x-amz-decoded-content-length': '3' } };
    for (const chunks of ['3\r\nabcd\r\n0\r\n\r\n', 'g\r\nabc\r\n0\r\n\r\n', '3\nabc\n0\n\n']) {
      const answer = await raw(
        port,
        text(
          { ...ask, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
          'transfer-encoding: chunked\r\n',
          chunks,
        ),
      );
      assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*<Code>IncompleteBody</);
    }
    await assert.rejects(store.head('broken'), { code: 'NOT_FOUND' });
  });

  it('are asked for when the client waits to be', async () => {
    const { socket, heard } = await talk();
    const ask = { method: 'PUT', path: '/bucket/asked' };
    socket.write(text(ask, 'content-length: 5\r\nexpect: 100-continue\r\n'));
    await heard(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    socket.write('asked');
    assert.match(await heard(/\r\n\r\n$/), /^HTTP\/1\.1 200 OK\r\n/);
    await store.delete('asked');
  });

  it('whose client is told no before it sent them do not keep it waiting', async () => {
    const { socket, heard } = await talk();
    socket.write(
      'PUT /bucket/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n',
    );
    const ended = once(socket, 'end');
    assert.match(await heard(/<\/Error>$/), /\r\nconnection: close\r\n[\s\S]*AccessDenied/);
    await ended;
  });

  it('wait for a client that reads slowly, in little memory', async () => {
    const bytes = patterned(20_000_000);
    await store.put('large', bytes);
    const { socket, heard } = await talk();
    socket.pause();
    socket.write(text({ path: '/bucket/large' }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    let length = 0;
    socket.on('data', (chunk) => {
      length += chunk.length;
    });
    socket.resume();
    await until(() => length > bytes.length);
    await heard(/HTTP\/1\.1 200 OK/);
    socket.write(HEALTH);
    await heard(/ok\n$/);
    await store.delete('large');
  });
});

describe('what could be understood in two ways', () => {
  for (const [what, request] of [
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
    ['a header that goes on in the next line', 'GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nhost: a\r\nx-a\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nhost: a\r\nx-a: b\0c\r\n\r\n'],
    ['a line feed alone', 'GET / HTTP/1.1\r\nhost: a\r\nx-a: b\ncontent-length: 3\r\n\r\n'],
    ['a carriage return alone', 'GET / HTTP/1.1\r\nhost: a\r\nx-a: b\rcontent-length: 3\r\n\r\n'],
    ['a carriage return too many', 'GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\r\n\r\n'],
    ['a line feed alone after the first line', 'GET / HTTP/1.1\nhost: a\r\n\r\n'],
    ['a space in the address', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['another version', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n'],
    [
      'a chunked body of HTTP/1.0',
      'PUT / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length with a sign', 'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc'],
    ['a length as a list', 'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc'],
    ['no HTTP at all', '\x16\x03\x01\x02\r\n\r\n'],
  ]) {
    it(`is refused, and nothing after it is looked at: ${what}`, async () => {
      const answer = await raw(port, request! + HEALTH);
      assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*<Code>BadRequest<\/Code>/);
      assert.doesNotMatch(answer, /ok\n$/);
    });
  }

  it('is no signed header that every object has', async () => {
    const { headers } = signed(port, { path: '/bucket/small' });
    const authorization = headers.authorization!.replace('SignedHeaders=', 'SignedHeaders=constructor;');
    const lines = Object.entries({ ...headers, authorization }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    const answer = await raw(
      port,
      `GET /bucket/small HTTP/1.1\r\n${lines.join('')}connection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*SignatureDoesNotMatch/);
  });
});

it('keeps the last letter of a value, whatever its bytes', async () => {
  const { headers } = signed(port, {
    method: 'PUT',
    path: '/bucket/letters',
    payload: 'UNSIGNED-PAYLOAD',
    headers: { 'x-amz-meta-a': Buffer.from('voilà').toString('latin1') },
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `PUT /bucket/letters HTTP/1.1\r\n${lines.join('')}content-length: 0\r\nconnection: close\r\n\r\n`;
  assert.match(await raw(port, Buffer.from(head, 'latin1')), /^HTTP\/1\.1 200/);
  assert.equal((await store.head('letters')).metadata?.a, 'voilà');
  await store.delete('letters');
});

it('joins the values of a header that came several times, in the signature too', async () => {
  const { headers } = signed(port, {
    method: 'PUT',
    path: '/bucket/twice',
    payload: 'UNSIGNED-PAYLOAD',
    headers: { 'x-amz-meta-a': 'one,two', 'content-encoding': 'aws-chunked,gzip' },
  });
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value.startsWith('AWS4')
      ? `${name}: ${value}\r\n`
      : value.split(',').map((each) => `${name}: ${each}\r\n`),
  );
  const head = `PUT /bucket/twice HTTP/1.1\r\n${lines.join('')}content-length: 0\r\nconnection: close\r\n\r\n`;
  assert.match(await raw(port, head), /^HTTP\/1\.1 200/);
  const { metadata, contentEncoding } = await store.head('twice');
  assert.deepEqual([metadata?.a, contentEncoding], ['one,two', 'gzip']);
  await store.delete('twice');
});

it('lets go of a download whose client is gone', async () => {
  const destroyed = Promise.withResolvers<void>();
  const slow = await startGateway({}, (inner) =>
    Object.assign(Object.create(inner), {
      kind: 'slow',
      get: async (key: string, options: object) => {
        const content = await inner.get(key, options);
        content.body.on('close', () => destroyed.resolve());
        return content;
      },
    }),
  );
  after(() => slow.close());
  await slow.store.put('large', patterned(20_000_000));
  const { headers } = signed(slow.port, { path: '/bucket/large', payload: 'UNSIGNED-PAYLOAD' });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(slow.port, '127.0.0.1');
  socket.write(`GET /bucket/large HTTP/1.1\r\n${lines.join('')}\r\n`);
  await once(socket, 'data');
  socket.destroy();
  await destroyed.promise;
});
