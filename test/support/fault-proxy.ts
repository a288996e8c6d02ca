/**
 * An HTTP proxy on 127.0.0.1 in front of one server that does to requests what networks and servers do:
 *
 *     const proxy = await startFaultProxy('http://127.0.0.1:9000');
 *     const rule = proxy.rule({ method: 'GET', path: '/bucket/key', times: 2 }, { cutAfter: 1000 });
 *     … use proxy.endpoint in place of the server's …
 *     rule.hits; proxy.requests; proxy.clear(); await proxy.stop();
 *
 * The first rule that matches and has hits left is applied; without one a request passes unchanged. The Host
 * header is passed on, so that signatures made for the proxy's address hold.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Which requests a rule is for: all that is given must hold. */
export interface Match {
  method?: string;
  /** A part of the decoded path and query ("/bucket/a key?uploads="), or a pattern on it. */
  path?: string | RegExp;
  /** Matches that pass unharmed first; 0 when not given. */
  skip?: number;
  /** How often the fault happens; 1 when not given. */
  times?: number;
  /** The chance of it for each match, 0 to 1; always when not given. */
  chance?: number;
}

/** What happens. `delay` and `hold` go with any other; of the others give one. Byte counts are of the body. */
export interface Fault {
  /** Milliseconds before the request is passed on or answered. */
  delay?: number;
  /** What the request waits for before that. */
  hold?: Promise<unknown>;
  /** The answer comes from the proxy; the server sees nothing. With `code`, an S3 error document. */
  answer?: {
    status: number;
    code?: string;
    message?: string;
    headers?: Record<string, string>;
    body?: string;
  };
  /** The connection is cut when the request arrives; the server sees nothing. */
  refuse?: boolean;
  /** Never an answer, and the connection stays open; the server sees nothing. */
  hang?: boolean;
  /** The connection is cut after this many bytes of the request; the server sees it cut too. */
  cutRequestAfter?: number;
  /** The server does it all, but its answer is lost. */
  dropAnswer?: boolean;
  /** The connection is cut after this many bytes of the answer. */
  cutAfter?: number;
  /** Silence after this many bytes of the answer. */
  stallAfter?: number;
  /** The answer ends after this many bytes, and its Content-Length says so too. */
  truncateTo?: number;
  /** The byte at this place of the answer is another. */
  corruptAt?: number;
  /** The byte at this place of the request's body is another. */
  corruptRequestAt?: number;
  /** Headers of the answer that are replaced, such as a lie in `etag`. */
  headers?: Record<string, string>;
  /** The answer's body as something else; its length is corrected. */
  rewrite?: (body: Buffer) => Buffer | string;
}

export interface Rule {
  /** How often the fault has happened. */
  readonly hits: number;
  remove(): void;
}

export interface FaultProxy {
  /** http://127.0.0.1:port */
  endpoint: string;
  /** Requests that have arrived. */
  readonly requests: number;
  /** "GET /bucket/key?x" of each, in order of arrival. */
  readonly seen: readonly string[];
  /** Asks every request; the last rule added is asked first. */
  rule(match: Match, fault: Fault): Rule;
  clear(): void;
  stop(): Promise<void>;
}

interface HeldRule {
  match: Match;
  fault: Fault;
  seen: number;
  hits: number;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const rules: HeldRule[] = [];
  const seen: string[] = [];

  const server = createServer((incoming, outgoing) => {
    const what = `${incoming.method} ${decoded(incoming.url!)}`;
    seen.push(what);
    const fault = faultFor(rules, incoming.method!, decoded(incoming.url!));
    outgoing.on('error', () => undefined);
    incoming.on('error', () => undefined);
    void handle(incoming, outgoing, fault).catch(() => outgoing.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault): Promise<void> {
    if (fault.delay !== undefined) await sleep(fault.delay);
    await fault.hold;
    if (fault.refuse) {
      incoming.socket.destroy();
      return;
    }
    if (fault.hang) {
      incoming.resume();
      return;
    }
    if (fault.answer) {
      // All of the request is taken in, or a client that still writes sees a broken pipe instead.
      for await (const _ of incoming);
      const { status, code, message = 'made by the fault proxy', headers = {}, body = '' } = fault.answer;
      const text =
        code === undefined ? body : `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
      outgoing.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers });
      outgoing.end(incoming.method === 'HEAD' ? '' : text);
      return;
    }
    const upstream = request({
      hostname,
      port,
      agent,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      setHost: false,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      upstream.once('response', resolve).once('error', reject);
    });
    incoming.once('close', () => {
      if (!incoming.complete) upstream.destroy();
    });
    const sent = sendRequest(incoming, upstream, fault);
    sent.catch(() => undefined);
    const answer = await answered;
    await sendAnswer(answer, incoming, outgoing, fault);
  }

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return seen.length;
    },
    seen,
    rule(match, fault) {
      const held: HeldRule = { match, fault, seen: 0, hits: 0 };
      rules.unshift(held);
      return {
        get hits() {
          return held.hits;
        },
        remove() {
          const at = rules.indexOf(held);
          if (at >= 0) rules.splice(at, 1);
        },
      };
    },
    clear() {
      rules.length = 0;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function faultFor(rules: HeldRule[], method: string, path: string): Fault {
  for (const rule of rules) {
    const { match } = rule;
    if (match.method !== undefined && match.method !== method) continue;
    if (typeof match.path === 'string' && !path.includes(match.path)) continue;
    if (match.path instanceof RegExp && !match.path.test(path)) continue;
    if (rule.hits >= (match.times ?? 1)) continue;
    if (++rule.seen <= (match.skip ?? 0)) continue;
    if (match.chance !== undefined && Math.random() >= match.chance) continue;
    rule.hits++;
    return rule.fault;
  }
  return {};
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

async function sendRequest(
  incoming: IncomingMessage,
  upstream: ReturnType<typeof request>,
  fault: Fault,
): Promise<void> {
  let passed = 0;
  for await (const part of incoming) {
    let chunk = part as Buffer;
    const { cutRequestAfter: cut, corruptRequestAt: corrupt } = fault;
    if (cut !== undefined && passed + chunk.length > cut) {
      upstream.destroy();
      incoming.socket.destroy();
      return;
    }
    if (corrupt !== undefined) chunk = flipped(chunk, corrupt - passed);
    passed += chunk.length;
    if (!upstream.write(chunk)) await new Promise((resolve) => upstream.once('drain', resolve));
  }
  upstream.end();
}

async function sendAnswer(
  answer: IncomingMessage,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault,
): Promise<void> {
  if (fault.dropAnswer) {
    for await (const _ of answer);
    incoming.socket.destroy();
    return;
  }
  const headers = { ...answer.headers, ...fault.headers };
  delete headers['transfer-encoding'];
  if (fault.rewrite || fault.truncateTo !== undefined) {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const whole = Buffer.concat(chunks);
    const body = Buffer.from(fault.rewrite ? fault.rewrite(whole) : whole.subarray(0, fault.truncateTo));
    outgoing.writeHead(answer.statusCode!, { ...headers, 'content-length': body.length });
    outgoing.end(body);
    return;
  }
  outgoing.writeHead(answer.statusCode!, headers);
  let passed = 0;
  outgoing.once('close', () => answer.destroy());
  for await (const part of answer) {
    let chunk = part as Buffer;
    if (fault.corruptAt !== undefined) chunk = flipped(chunk, fault.corruptAt - passed);
    const end = fault.cutAfter ?? fault.stallAfter;
    if (end !== undefined && passed + chunk.length > end) {
      outgoing.write(chunk.subarray(0, end - passed), () => {
        if (fault.cutAfter !== undefined) incoming.socket.destroy();
      });
      return;
    }
    passed += chunk.length;
    if (!outgoing.write(chunk)) await new Promise((resolve) => outgoing.once('drain', resolve));
  }
  outgoing.end();
}

function flipped(chunk: Buffer, at: number): Buffer {
  if (at < 0 || at >= chunk.length) return chunk;
  const copy = Buffer.from(chunk);
  copy[at]! ^= 0xff;
  return copy;
}
