/** HTTP/1.1 as answers to S3 requests come: framing, connections that are kept, what is refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { readAll } from '../../../src/stores/read.ts';
import { relay } from '../../../src/stores/relay.ts';
import { parseS3Connection } from '../../../src/stores/s3/settings.ts';
import { S3Store } from '../../../src/stores/s3/store.ts';
import { bytesOf } from './fault-cases.ts';

interface Scripted {
  store: S3Store;
  /** Connections that were made. */
  sockets: Socket[];
  /** Heads of requests, as they came. */
  requests: string[];
}

/** A server that answers each request without a body by what `answer` writes. */
async function scripted(
  answer: (socket: Socket, request: number) => void,
  options: { tls?: boolean; settings?: object; attempts?: number } = {},
): Promise<Scripted> {
  const sockets: Socket[] = [];
  const requests: string[] = [];
  const serve = (socket: Socket): void => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        requests.push(text.slice(0, end));
        text = text.slice(end + 4);
        answer(socket, requests.length);
      }
    });
  };
  const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../../fixtures/tls', name));
  const server: Server = options.tls
    ? createTlsServer({ cert: fixture('cert.pem'), key: fixture('key.pem') }, serve)
    : createServer({ noDelay: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const settings = parseS3Connection({
    name: 'scripted',
    type: 's3',
    endpoint: `${options.tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}`,
    path_style: true,
    access_key_id: 'AK',
    secret_access_key: 'SK',
    ...(options.tls && { ca: join(import.meta.dirname, '../../fixtures/tls/cert.pem') }),
    ...options.settings,
  });
  const retry = { attempts: options.attempts ?? 1, baseDelay: 1, maxDelay: 1, deadline: 10_000 };
  const store = new S3Store({ ...settings, retry }, 'bucket');
  after(async () => {
    await store.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { store, sockets, requests };
}

const listing = (key: string): string =>
  `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`;

async function keysOf(store: S3Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list()) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

const bytesAt = async (store: S3Store, key: string): Promise<Buffer> => readAll((await store.get(key)).body);

/** Takes what it gets as a socket does, by copying it, and only later. */
function slowTarget(): { target: Writable; written(): Buffer } {
  const came: Buffer[] = [];
  const target = new Writable({
    highWaterMark: 100_000,
    write(chunk: Buffer, _, done) {
      setImmediate(() => {
        came.push(Buffer.from(chunk));
        done();
      });
    },
  });
  return { target, written: () => Buffer.concat(came) };
}

test('an answer may come in any pieces, chunked or not, after others that only inform', async () => {
  const xml = listing('a');
  const chunked = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${[...xml.matchAll(/.{1,17}/gs)].map(([piece]) => `${piece.length.toString(16)};x=y\r\n${piece}\r\n`).join('')}0\r\nx-trailer: 1\r\n\r\n`;
  const plain = `HTTP/1.1 200 OK\r\nContent-Length: ${xml.length}\r\n\r\n${xml}`;
  const { store, sockets } = await scripted((socket, count) => {
    const text = count % 2 ? chunked : plain;
    const step = [1, 2, 7, 64, 100_000][count % 5]!;
    const send = (at: number): void => {
      if (at >= text.length) return;
      socket.write(text.slice(at, at + step));
      setImmediate(send, at + step);
    };
    send(0);
  });
  for (let i = 0; i < 10; i++) assert.deepEqual(await keysOf(store), ['a']);
  assert.equal(sockets.length, 1);
});

test('a body without a length ends with its connection', async () => {
  const { store, sockets } = await scripted((socket) => {
    socket.end(`HTTP/1.1 200 OK\r\n\r\n${listing('a')}`);
  });
  assert.deepEqual(await keysOf(store), ['a']);
  assert.deepEqual(await keysOf(store), ['a']);
  assert.equal(sockets.length, 2);
});

test('a connection that is to be closed, or that says more than was asked, is not used again', async () => {
  const { store, sockets } = await scripted((socket, count) => {
    const more = count === 1 ? 'Connection: close\r\n' : '';
    socket.write(
      `HTTP/1.1 200 OK\r\n${more}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n`.slice(
        0,
        more ? -17 : undefined,
      ),
    );
  });
  for (let i = 0; i < 3; i++) assert.equal(String(await bytesAt(store, 'a')), 'ok');
  assert.equal(sockets.length, 3);
});

for (const [what, head] of [
  ['no HTTP', 'SSH-2.0-OpenSSH_9.7\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n'],
  ['a length beside chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n c\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n`],
] as const) {
  test(`${what} is refused`, async () => {
    const { store } = await scripted((socket) => void socket.write(`${head}\r\nok`));
    await assert.rejects(store.get('a'), { code: 'CONNECTION' });
  });
}

test('chunks that are none are refused', async () => {
  const bodies = ['zz\r\n', '2\nok\r\n', '2\r\nokok\r\n0\r\n\r\n', `${'1'.repeat(5000)}\r\n`];
  const { store } = await scripted((socket, count) => {
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${bodies[count - 1]}`);
  });
  for (const _ of bodies) await assert.rejects(keysOf(store), { code: 'CONNECTION' });
});

test('what would break the head of a request is not sent', async () => {
  const { store, requests } = await scripted(
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  );
  await assert.rejects(store.get('a', { ifMatch: 'x\r\nx-evil: 1' }), TypeError);
  await store.put('key with\r\nline?#%41', Buffer.from(''), { contentType: 'text/plain; é' });
  assert.equal(requests.length, 1);
  assert.match(requests[0]!, /^PUT \/bucket\/key%20with%0D%0Aline%3F%23%2541 HTTP\/1\.1\r\nhost: 127/);
  assert.match(requests[0]!, /\r\ncontent-type: text\/plain; \xc3\xa9\r\n/);
  assert.match(requests[0]!, /\r\ncontent-length: 0$/);
});

test('only so many connections are made, and no request is lost in the queue', async () => {
  const { store, sockets } = await scripted(
    (socket, count) => {
      if (count % 7 === 0) socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
      else setImmediate(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    },
    { settings: { connections: 3 } },
  );
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => bytesAt(store, `k${i}`)));
  assert.ok(all.every((bytes) => String(bytes) === 'ok'));
  assert.ok(sockets.length <= 3 + 60 / 7, `${sockets.length} connections`);
});

test('closing the store ends a request that has no connection yet', async () => {
  const { store } = await scripted(() => undefined, { tls: true, settings: { connections: 1 } });
  const waiting = [store.head('a'), store.head('b')].map((each) =>
    assert.rejects(each, { code: 'CANCELED' }),
  );
  await store.close();
  await Promise.all(waiting);
});

for (const tls of [false, true]) {
  test(`a large body waits for its reader and arrives as it was${tls ? ', over TLS' : ''}`, async () => {
    const content = bytesOf(9_000_000);
    const { store } = await scripted(
      (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: ${content.length}\r\n\r\n`);
        socket.write(content);
      },
      { tls },
    );
    const slow = await store.get('a');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(slow.body.readableLength < 2_000_000, `${slow.body.readableLength} bytes are held`);
    assert.ok((await readAll(slow.body)).equals(content));
    // Relayed, to one that takes its time: the bytes of a chunk must stay until it was written.
    const { target, written } = slowTarget();
    await Promise.all(Array.from({ length: 3 }, async () => readAll((await store.get('b')).body)));
    await relay((await store.get('a')).body, target);
    assert.ok(written().equals(content));
  });
}

test('a body that is relayed goes on where it was cut', async () => {
  const content = bytesOf(3_000_000);
  const { store } = await scripted(
    (socket, count) => {
      const start = count === 1 ? 0 : 1_000_000;
      const part = content.subarray(start);
      const range =
        start === 0 ? '' : `Content-Range: bytes ${start}-${content.length - 1}/${content.length}\r\n`;
      const status = start === 0 ? '200 OK' : '206 Partial Content';
      socket.write(`HTTP/1.1 ${status}\r\nETag: "e"\r\n${range}Content-Length: ${part.length}\r\n\r\n`);
      if (count === 1) socket.end(content.subarray(0, 1_000_000));
      else socket.write(part);
    },
    { attempts: 3 },
  );
  const { target, written } = slowTarget();
  await relay((await store.get('a')).body, target);
  assert.ok(written().equals(content));
});

test('a body whose target is gone is not read', async () => {
  const { store, sockets } = await scripted((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 9000000\r\n\r\nbegin');
  });
  const { target } = slowTarget();
  const relayed = relay((await store.get('a')).body, target);
  target.destroy();
  await relayed;
  await relay((await store.get('a')).body, target);
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close');
});

test('a stream with another size than was said is CORRUPT, and its connection ends', async () => {
  const { store } = await scripted(() => undefined);
  const size = 2_000_000;
  for (const wrong of [size - 1, size + 1]) {
    const body = async () => Readable.from([bytesOf(wrong)], { objectMode: false });
    await assert.rejects(store.put('a', body, { size }), { code: 'CORRUPT' });
  }
});
