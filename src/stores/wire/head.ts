import type { IncomingHttpHeaders } from 'node:http';
import { BrokenHttp, endOfLine, parseFields, persists } from './fields.ts';

/** The start of an answer: RFC 9112, sections 4 and 5. */
export interface Head {
  status: number;
  headers: IncomingHttpHeaders;
  /** How the body ends: after so many bytes, with its last chunk, or with the connection. */
  body: number | 'chunked' | 'until close';
  /** Whether another request may follow on this connection. */
  persistent: boolean;
}

/** An answer's head may have so many bytes; more is no answer of an object store. */
export const MAX_HEAD = 64 * 1024;

/**
 * @param text the bytes as Latin-1, to the empty line, without it
 * @param method of the request: an answer to HEAD has no body, whatever it says
 * @throws BrokenHttp
 */
export function parseHead(text: string, method: string): Head {
  const end = endOfLine(text, 0);
  const line = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?$/.exec(text.slice(0, end));
  if (!line) throw new BrokenHttp('The answer is no HTTP/1.1.');
  const status = Number(line[2]);
  const headers = parseFields(text, end + 2);
  return {
    status,
    headers,
    body: framing(status, headers, method),
    persistent: persists(headers, line[1] === '1'),
  };
}

/** RFC 9112, 6.3. A length that is unclear is refused: what follows could pass for another answer. */
function framing(status: number, headers: IncomingHttpHeaders, method: string): Head['body'] {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'] as string | string[] | undefined;
  if (coding !== undefined) {
    if (String(coding).toLowerCase() === 'chunked' && length === undefined) return 'chunked';
    throw new BrokenHttp('The answer does not say clearly where it ends.');
  }
  if (length === undefined) return 'until close';
  const one = Array.isArray(length) ? length[0]! : length;
  if (!/^\d{1,15}$/.test(one) || (Array.isArray(length) && length.some((each) => each !== one))) {
    throw new BrokenHttp('The length of the answer is no number.');
  }
  return Number(one);
}

/** Milliseconds that the server says it keeps an idle connection; undefined where it does not. */
export function keptFor(headers: IncomingHttpHeaders): number | undefined {
  const hint = headers['keep-alive'];
  const match = hint === undefined ? null : /timeout=(\d{1,6})/i.exec(String(hint));
  return match ? Number(match[1]) * 1000 : undefined;
}
