/**
 * Reads the XML that S3 answers with: small, flat, without mixed content. Only what occurs there is
 * understood (elements, text, entities, declarations); a general parser costs ten times as much on a
 * listing.
 */

/** Is told of every element without children, in order, with its parent's name, and of every parent's end. */
export interface XmlVisitor {
  leaf(name: string, text: string, parent: string): void;
  end?(name: string): void;
}

/** @throws Error when the document is not well formed, or ends early */
export function readXml(xml: string, visitor: XmlVisitor): void {
  const open: string[] = [];
  let at = xml.indexOf('<');
  let sawRoot = false;
  while (at >= 0) {
    const close = xml.indexOf('>', at);
    if (close < 0) throw new Error('The XML ends inside a tag.');
    const first = xml.charCodeAt(at + 1);
    if (first === 0x3f || first === 0x21) {
      at = xml.indexOf('<', close);
      continue;
    }
    if (first === 0x2f) {
      const name = open.pop();
      if (name === undefined || !xml.startsWith(name, at + 2))
        throw new Error('The XML has a stray end tag.');
      visitor.end?.(name);
      at = xml.indexOf('<', close);
      continue;
    }
    sawRoot = true;
    const empty = xml.charCodeAt(close - 1) === 0x2f;
    const name = nameIn(xml, at + 1, empty ? close - 1 : close);
    if (empty) {
      visitor.leaf(name, '', open.at(-1) ?? '');
      at = xml.indexOf('<', close);
      continue;
    }
    const next = xml.indexOf('<', close);
    if (next < 0) throw new Error('The XML ends inside an element.');
    if (xml.charCodeAt(next + 1) === 0x2f) {
      visitor.leaf(name, decodeEntities(xml.slice(close + 1, next)), open.at(-1) ?? '');
      at = xml.indexOf('<', next + 1);
    } else {
      open.push(name);
      at = next;
    }
  }
  if (open.length > 0 || !sawRoot) throw new Error('The XML ends before its end.');
}

function nameIn(xml: string, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    const char = xml.charCodeAt(i);
    if (char === 0x20 || char === 0x0a || char === 0x09 || char === 0x0d) return xml.slice(start, i);
  }
  return xml.slice(start, end);
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  // An ETag, once for each key of a listing: only its quotes are written so.
  for (const quote of ['&#34;', '&quot;']) {
    if (!text.startsWith(quote) || !text.endsWith(quote)) continue;
    const inside = text.slice(quote.length, -quote.length);
    if (text.length >= 2 * quote.length && !inside.includes('&')) return `"${inside}"`;
  }
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));/g, (all, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] ?? all;
    return String.fromCodePoint(hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}

/** The text of every element without children, by name; the last of those that repeat. */
export function xmlFields(xml: string): Record<string, string> {
  const fields: Record<string, string> = {};
  readXml(xml, {
    leaf(name, text) {
      fields[name] = text;
    },
  });
  return fields;
}

/** Text for the inside of an element. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&\r]/g, (char) =>
    char === '<' ? '&lt;' : char === '>' ? '&gt;' : char === '&' ? '&amp;' : '&#13;',
  );
}

/** Whether XML 1.0 has a way to write this text at all (most control characters have none). */
export function xmlCanHold(text: string): boolean {
  return !/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text);
}
