/**
 * An S3 client for tests that can do everything wrong: it signs by the letter of AWS's documents, and each
 * step can be spoilt.
 */
import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { GatewayOptions } from '../../src/gateway/options.ts';
import { createGateway } from '../../src/gateway/server.ts';
import type { GatewayClient } from '../../src/router/mapping.ts';
import { StoreError } from '../../src/stores/errors.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import type { Store } from '../../src/stores/store.ts';

export const EMPTY = createHash('sha256').update('').digest('hex');
export const sha256 = (bytes: string | Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
export const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

export const ALL: GatewayClient = {
  name: 'all',
  accessKey: 'AKALL',
  secretKey: 'secret-of-all',
  allow: [{ prefix: 's3a://', read: true, write: true, delete: true }],
};

export interface TestGateway {
  port: number;
  store: MemoryStore;
  send(options: Ask): Promise<Answer>;
  close(grace?: number): Promise<void>;
}

/** A gateway over memory, with the buckets `bucket` and `other`. */
export async function startGateway(
  options: Partial<GatewayOptions> = {},
  wrap?: (store: Store) => Store,
): Promise<TestGateway> {
  const store = new MemoryStore('memory://bucket', { minPartSize: 5 });
  const stores = new Map<string, Store>([
    ['bucket', wrap ? wrap(store) : store],
    ['other', new MemoryStore('memory://other', { minPartSize: 5 })],
  ]);
  const gateway = createGateway({
    listen: [{ scheme: 's3a', host: '127.0.0.1', port: 0 }],
    buckets: {
      bucket: async (_scheme, name) => {
        const found = stores.get(name);
        if (found) return found;
        throw new StoreError('NOT_FOUND', `There is no bucket ${name}.`, { store: name });
      },
      buckets: async () => [...stores.keys()].map((bucket) => ({ bucket })),
    },
    clients: [ALL],
    ...options,
  });
  const [address] = await gateway.listen();
  const { port } = address!;
  return { port, store, send: (ask) => send(port, ask), close: (grace = 0) => gateway.close(grace) };
}

export interface Ask {
  method?: string;
  /** As it goes over the wire. */
  path?: string;
  /** Not encoded. */
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** x-amz-content-sha256; by default that of the body. */
  payload?: string;
  key?: { accessKey: string; secretKey: string };
  now?: Date;
  region?: string;
  /** Spoils the request after it was signed. */
  spoil?: (headers: Record<string, string>) => void;
  /** Sends without any signature. */
  anonymous?: boolean;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  /** The Code of an error. */
  code: string | undefined;
}

export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export const queryText = (query: Record<string, string>): string =>
  Object.keys(query)
    .sort()
    .map((name) => `${encode(name)}=${encode(query[name]!)}`)
    .join('&');

export const stamp = (time: Date): string => time.toISOString().replace(/[-:]|\.\d+/g, '');

export function signingKey(secret: string, date: string, region: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), 's3'), 'aws4_request');
}

export interface Signed {
  headers: Record<string, string>;
  signature: string;
  signingKey: Buffer;
  scope: string;
  timestamp: string;
}

/** Signs by header. */
export function signed(port: number, ask: Ask): Signed {
  const { method = 'GET', path = '/', query = {}, body = '', key = ALL, region = 'us-east-1' } = ask;
  const timestamp = stamp(ask.now ?? new Date());
  const date = timestamp.slice(0, 8);
  const headers: Record<string, string> = {
    host: `127.0.0.1:${port}`,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': ask.payload ?? sha256(body),
    ...Object.fromEntries(
      Object.entries(ask.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    ),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    queryText(query),
    ...names.map((name) => `${name}:${headers[name]!.replace(/^ +| +$/g, '').replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(Buffer.from(canonical, 'latin1'))}`;
  const derived = signingKey(key.secretKey, date, region);
  const signature = hmac(derived, text).toString('hex');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${key.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { headers, signature, signingKey: derived, scope, timestamp };
}

/** The path and query of a presigned address. */
export function presigned(
  port: number,
  ask: Ask & { expires?: number | string; signedHeaders?: Record<string, string> },
): string {
  const { method = 'GET', path = '/', key = ALL, expires = 300 } = ask;
  const timestamp = stamp(ask.now ?? new Date());
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const headers: Record<string, string> = { host: `127.0.0.1:${port}`, ...ask.signedHeaders };
  const names = Object.keys(headers).sort();
  const query: Record<string, string> = {
    ...ask.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${key.accessKey}/${scope}`,
    'X-Amz-Date': timestamp,
    'X-Amz-Expires': String(expires),
    'X-Amz-SignedHeaders': names.join(';'),
  };
  const canonical = [
    method,
    path,
    queryText(query),
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const text = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`;
  const signature = hmac(signingKey(key.secretKey, timestamp.slice(0, 8), 'us-east-1'), text).toString('hex');
  return `${path}?${queryText(query)}&X-Amz-Signature=${signature}`;
}

export function send(port: number, ask: Ask): Promise<Answer> {
  const { method = 'GET', path = '/', query = {}, body = '' } = ask;
  const headers = ask.anonymous ? { host: `127.0.0.1:${port}`, ...ask.headers } : signed(port, ask).headers;
  ask.spoil?.(headers);
  const target = Object.keys(query).length > 0 ? `${path}?${queryText(query)}` : path;
  return exchange(port, method, target, headers, body);
}

export function exchange(
  port: number,
  method: string,
  target: string,
  headers: Record<string, string>,
  body: string | Uint8Array = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const framed = 'content-length' in headers || 'transfer-encoding' in headers;
    const length =
      body.length > 0 || method === 'PUT' || method === 'POST' ? String(Buffer.byteLength(body)) : undefined;
    const outgoing = httpRequest({
      port,
      host: '127.0.0.1',
      method,
      path: target,
      headers: { ...headers, ...(!framed && length !== undefined && { 'content-length': length }) },
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString();
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          bytes,
          text,
          code: /<Code>([^<]+)<\/Code>/.exec(text)?.[1],
        });
      });
    });
    outgoing.end(body);
  });
}

/** Sends bytes as they are and gives everything that comes back until the connection closes. */
export function raw(port: number, text: string | Buffer, options: { end?: boolean } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
    socket.write(text);
    if (options.end) socket.end();
  });
}
