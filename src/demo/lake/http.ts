import type { IncomingMessage, ServerResponse } from 'node:http';
import { LakeFailure } from './failure.ts';

/** One request as a route sees it. */
export interface Request {
  method: string;
  /** The parts of the path that the route's pattern names. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: IncomingMessage;
}

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
  text?: string;
  bytes?: Buffer;
  /** Writes the body itself. */
  stream?: NodeJS.ReadableStream;
}

export type Handler = (request: Request) => Promise<Reply> | Reply;

export interface Route {
  method: string;
  pattern: RegExp;
  handler: Handler;
}

/** @param path such as `/repositories/:repository/branches/:branch` */
export function route(method: string, path: string, handler: Handler): Route {
  const source = path.replace(/:([a-z]+)/gi, '(?<$1>[^/]+)');
  return { method, pattern: new RegExp(`^/api/v1${source}$`), handler };
}

/** The route that takes a request; undefined when none does. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { handler: Handler; params: Record<string, string> } | undefined {
  for (const { method: expected, pattern, handler } of routes) {
    if (expected !== method) continue;
    const match = pattern.exec(path);
    if (!match) continue;
    const params: Record<string, string> = {};
    for (const [name, value] of Object.entries(match.groups ?? {})) params[name] = decodeURIComponent(value);
    return { handler, params };
  }
  return undefined;
}

/** A parameter that must be there. */
export function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null)
    throw new LakeFailure(400, `parameter "${name}" in query has an error: value is required but missing`);
  if (value === '')
    throw new LakeFailure(400, `parameter "${name}" in query has an error: empty value is not allowed`);
  return value;
}

/** How many results a page may have. */
export function amountOf(query: URLSearchParams): number {
  const amount = Number(query.get('amount') ?? 100);
  if (amount > 1000) {
    const schema = { default: 100, maximum: 1000, minimum: -1, type: 'integer' };
    const shown = JSON.stringify(schema, null, 2).replaceAll('\n', '\n  ');
    throw new LakeFailure(
      400,
      `parameter "amount" in query has an error: number must be at most 1000\nSchema:\n  ${shown}\n\nValue:\n  ${amount}\n`,
    );
  }
  return amount > 0 ? amount : 1000;
}

/** A listing's answer. */
export function paged<T>(results: T[], more: boolean, offsetOf: (last: T) => string): Reply {
  const last = results.at(-1);
  const next_offset = more && last !== undefined ? offsetOf(last) : '';
  const pagination = { has_more: more, max_per_page: 1000, next_offset, results: results.length };
  return { json: { pagination, results } };
}

/** The JSON of a request's body. */
export async function jsonBody<T>(request: Request): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of request.body) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') throw new LakeFailure(400, 'request body has an error: value is required but missing');
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new LakeFailure(400, 'request body has an error: failed to decode request body');
  }
}

/** lakeFS's JSON: compact, with HTML's own characters escaped and a line end. */
function encodeJson(value: unknown): Buffer {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(`${text}\n`);
}

export function send(response: ServerResponse, reply: Reply, head: boolean): void {
  const headers: Record<string, string> = { ...reply.headers };
  let bytes = reply.bytes;
  if (reply.json !== undefined) {
    bytes = encodeJson(reply.json);
    headers['content-type'] = 'application/json';
  } else if (reply.text !== undefined) {
    bytes = Buffer.from(reply.text);
    headers['content-type'] = 'text/plain; charset=utf-8';
  }
  if (bytes && headers['content-length'] === undefined) headers['content-length'] = String(bytes.length);
  response.writeHead(reply.status ?? 200, headers);
  if (head || !reply.stream) {
    response.end(head ? undefined : bytes);
    return;
  }
  reply.stream.on('error', () => response.destroy());
  response.on('close', () => (reply.stream as { destroy?: () => void }).destroy?.());
  reply.stream.pipe(response);
}
