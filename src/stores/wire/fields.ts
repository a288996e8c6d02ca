import type { IncomingHttpHeaders } from 'node:http';

/** What came is no HTTP/1.1. Its code is of the family that Node's parser uses. */
export class BrokenHttp extends Error {
  readonly code = 'HPE_INVALID';
}

/** Lower-case names of headers as they came and go: each side spells them the same way every time. */
const names = new Map<string, string>();
const MOST_NAMES = 1000;

/**
 * The header fields of a message (RFC 9112, section 5): no space before the colon, no line that goes on with the one
 * before. A field that came several times is a list.
 * @param text the message's head as Latin-1, to the empty line, without it
 * @param from where its first field begins
 * @throws BrokenHttp
 */
export function parseFields(text: string, from: number): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (let at = from, end: number; at < text.length; at = end + 2) {
    end = endOfLine(text, at);
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon > end) throw new BrokenHttp('A header has no name.');
    const name = lowerName(text.slice(at, colon));
    const value = trimmed(text, colon + 1, end);
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined) headers[name] = value;
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return headers;
}

/**
 * Where a line of a message's head ends. A CR or LF alone would be an end for some readers and none for others.
 * @param text as for `parseFields`
 * @throws BrokenHttp
 */
export function endOfLine(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  const end = feed < 0 ? text.length : feed - 1;
  const first = text.indexOf('\r', from);
  if ((first < 0 ? text.length : first) !== end) throw new BrokenHttp('A line ends in two ways.');
  return end;
}

/** The name in lower case, if it is one: a token of RFC 9110, 5.6.2. @throws BrokenHttp */
export function lowerName(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
    throw new BrokenHttp(`${JSON.stringify(name.slice(0, 100))} is no name of a header.`);
  const lower = name.toLowerCase();
  if (names.size < MOST_NAMES) names.set(name, lower);
  return lower;
}

/** Whether another message may follow on the connection (RFC 9112, 9.3). @param modern of HTTP/1.1 */
export function persists({ connection }: IncomingHttpHeaders, modern: boolean): boolean {
  if (connection === undefined) return modern;
  const said = String(connection).toLowerCase();
  return modern ? !said.includes('close') : said.includes('keep-alive');
}

/** Whether HTTP can carry it: one character a byte, and no control characters but the tab (RFC 9110, 5.5). */
export const isFieldValue = (value: string): boolean => !BREAKING.test(value);

const BREAKING = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;

const SPACE = 32;
const TAB = 9;
const isSpace = (code: number): boolean => code === SPACE || code === TAB;

/**
 * Without spaces and tabs around it, and only without those: `trim` would take 0xA0 off as well, which may be the
 * second byte of a letter ("à").
 */
export function trimmed(text: string, from = 0, to = text.length): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
