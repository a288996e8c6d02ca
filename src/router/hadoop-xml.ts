import { SaxesParser } from 'saxes';
import { SluiceError } from '../base/errors.ts';
import type { Property } from './properties.ts';

/**
 * Reads a Hadoop configuration file (core-site.xml): `<configuration>` of `<property>` with `<name>` and
 * `<value>`, as elements or attributes, as org.apache.hadoop.conf.Configuration reads it. Included files
 * (xi:include) are refused: a router's configuration is one file that says everything. So is whatever else
 * stands between properties, which Hadoop skips: a setting in it would be lost without a word.
 *
 * @param file name for errors
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function parseHadoopXml(text: string, file: string): Property[] {
  const properties: Property[] = [];
  const parser = new SaxesParser();
  const path: string[] = [];
  let property: { name?: string; value?: string; line: number } | undefined;
  let field = '';

  const fail = (line: number, what: string): never => {
    throw new SluiceError('BAD_CONFIG', `${file}:${line}: ${what}`);
  };
  const bare = bareAmpersand(text);
  if (bare !== undefined) {
    fail(bare, 'This is not well-formed XML: "&" stands alone; write "&amp;" for it.');
  }
  parser.on('error', (error) => {
    fail(parser.line, `This is not well-formed XML: ${error.message.replace(/^\d+:\d+: /, '')}`);
  });
  parser.on('opentag', (tag) => {
    if (path.length === 0 && tag.name !== 'configuration') {
      fail(
        parser.line,
        `A Hadoop configuration begins with <configuration>, this file begins with <${tag.name}>.`,
      );
    }
    if (tag.name.endsWith('include')) {
      fail(parser.line, `<${tag.name}> is not followed: put the included properties into this file.`);
    }
    if (path.length === 1 && tag.name !== 'property') {
      fail(parser.line, `<${tag.name}> has no place here: a <configuration> holds each <property>.`);
    }
    path.push(tag.name);
    field = '';
    if (path.length === 2 && tag.name === 'property') {
      property = { line: parser.line, name: tag.attributes.name, value: tag.attributes.value };
    }
  });
  const onText = (chunk: string): void => {
    if (path.length === 3) field += chunk;
    const stray = path.length === 1 || path.length === 2 ? chunk.trim() : '';
    if (stray !== '') {
      fail(parser.line, `Text has no place here: "${stray.slice(0, 40)}" stands beside the elements.`);
    }
  };
  parser.on('text', onText);
  parser.on('cdata', onText);
  parser.on('closetag', (tag) => {
    if (property && path.length === 3) {
      if (tag.name === 'name') property.name = field.trim();
      if (tag.name === 'value') property.value = field;
    }
    if (property && path.length === 2) {
      const { name, value, line } = property;
      if (!name) fail(line, 'This <property> has no <name>.');
      else if (value === undefined) fail(line, `The property ${name} has no <value>.`);
      else properties.push({ key: name, value: value.trim(), line });
      property = undefined;
    }
    path.pop();
  });
  parser.write(text.replace(/^\uFEFF/, '')).close();
  return properties;
}

/**
 * The line of the first "&" that begins no reference; undefined: there is none. The parser would read on for the
 * reference's end and complain far away.
 */
function bareAmpersand(text: string): number | undefined {
  const plain = text.replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[[\s\S]*?\]\]>/g, (skipped) =>
    skipped.replace(/&/g, ' '),
  );
  const at = plain.search(/&(?!(?:#\d+|#x[0-9a-f]+|[a-z_][\w.-]*);)/i);
  return at < 0 ? undefined : plain.slice(0, at).split(/\r\n|\r|\n/).length;
}
