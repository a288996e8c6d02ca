import { SaxesParser } from 'saxes';
import { S3Error } from './errors.ts';

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

const SPECIAL = /[&<>"'\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]/;

/**
 * Text for an XML element. What XML 1.0 cannot hold at all (most control characters, lone surrogates) is
 * written as a character reference, as S3 does; callers that need such keys ask for encoding-type=url.
 */
export function escapeXml(text: string): string {
  return SPECIAL.test(text)
    ? text.replace(/[&<>"'\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/g, reference)
    : text;
}

function reference(char: string): string {
  switch (char) {
    case '&':
      return '&amp;';
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '"':
      return '&quot;';
    case "'":
      return '&#39;';
    default:
      return `&#x${char.charCodeAt(0).toString(16).toUpperCase()};`;
  }
}

/** One element with text; nothing for undefined. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${typeof text === 'string' ? escapeXml(text) : text}</${name}>`;
}

/** A whole document of S3's namespace around content that is XML already. */
export function document(name: string, content: string): string {
  return `${XML_HEAD}<${name} xmlns="${S3_NAMESPACE}">${content}</${name}>`;
}

/** S3 writes times with milliseconds. */
export function isoTime(milliseconds: number | undefined): string {
  return new Date(milliseconds ?? 0).toISOString();
}

/** An element of a request's XML. */
export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

const MAX_DEPTH = 12;
const MAX_ELEMENTS = 100_000;

/**
 * Reads a small XML document: elements and text only, without prefixes of namespaces.
 * @throws S3Error MalformedXML, also for a document type (entities), for deep nesting and for too many elements
 */
export function parseXml(text: string): XmlElement {
  const top: XmlElement = { name: '', text: '', children: [] };
  const path: XmlElement[] = [top];
  let elements = 0;
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('document type');
  });
  parser.on('opentag', (tag) => {
    if (path.length > MAX_DEPTH || ++elements > MAX_ELEMENTS) throw new Error('too many elements');
    const made: XmlElement = { name: tag.name.replace(/^.*:/, ''), text: '', children: [] };
    path.at(-1)!.children.push(made);
    path.push(made);
  });
  parser.on('text', (part) => {
    path.at(-1)!.text += part;
  });
  parser.on('cdata', (part) => {
    path.at(-1)!.text += part;
  });
  parser.on('closetag', () => {
    path.pop();
  });
  try {
    parser.write(text).close();
  } catch {
    throw malformed();
  }
  return top.children[0] ?? fail();
}

function fail(): never {
  throw malformed();
}

export function malformed(): S3Error {
  return new S3Error(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema.',
  );
}

/** The text of the first child with this name. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}
