import type { IncomingHttpHeaders } from 'node:http';
import { BrokenHttp, endOfLine, parseFields, persists } from '../../stores/wire/fields.ts';

/** The start of a request: RFC 9112, sections 3 and 5. */
export interface RequestHead {
  method: string;
  /** As it was sent, one character a byte. */
  target: string;
  /** Lower-case names; a field that came several times has its values in one, with commas. */
  headers: IncomingHttpHeaders;
  /** Bytes of the body that follows, or that it comes in chunks. */
  body: number | 'chunked';
  /** HTTP/1.1: the client understands chunks and "100 Continue". */
  modern: boolean;
  /** Whether another request may follow on this connection. */
  persistent: boolean;
  /** The Expect header, in lower case. */
  expects: string | undefined;
}

/** Of these a second one is an attempt to be understood differently by another reader of the same request. */
const SINGLE = ['host', 'content-length', 'transfer-encoding', 'authorization', 'expect'];

/**
 * @param text the bytes as Latin-1, to the empty line, without it
 * @throws BrokenHttp, also for everything that two readers could understand in two ways
 */
export function parseRequestHead(text: string): RequestHead {
  let start = 0;
  while (text.startsWith('\r\n', start)) start += 2;
  const end = endOfLine(text, start);
  const line = /^([A-Z]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/.exec(text.slice(start, end));
  if (!line) throw new BrokenHttp('The request is no HTTP/1.1.');
  if (CONTROL.test(text)) throw new BrokenHttp('The request has control characters.');
  const headers = parseFields(text, end + 2);
  for (const name of SINGLE) {
    if (Array.isArray(headers[name])) throw new BrokenHttp(`The header ${name} came more than once.`);
  }
  for (const name in headers) {
    const value = headers[name];
    // As it is signed.
    if (Array.isArray(value)) headers[name] = value.join(',');
  }
  const modern = line[3] === '1';
  if (modern && headers.host === undefined) throw new BrokenHttp('The request does not say its host.');
  return {
    method: line[1]!,
    target: line[2]!,
    headers,
    body: framing(headers, modern),
    modern,
    persistent: persists(headers, modern),
    expects: modern ? headers.expect?.toLowerCase() : undefined,
  };
}

/** But tabs, and the ends of lines. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** RFC 9112, 6.3, at its strictest: what is not clear is refused, because what follows could pass for a request. */
function framing(headers: IncomingHttpHeaders, modern: boolean): RequestHead['body'] {
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (coding !== undefined) {
    if (modern && length === undefined && coding.toLowerCase() === 'chunked') return 'chunked';
    throw new BrokenHttp('The request does not say clearly where it ends.');
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new BrokenHttp('The length of the body is no number.');
  return Number(length);
}
