import { SaxesParser } from 'saxes';
import { SluiceError } from '../base/errors.ts';
import type { Property } from './properties.ts';

/**
 * Reads a Hadoop configuration file (core-site.xml): `<configuration>` of `<property>` with `<name>` and
 * `<value>`, as elements or attributes, as org.apache.hadoop.conf.Configuration reads it. Included files
 * (xi:include) are refused: a router's configuration is one file that says everything.
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
    path.push(tag.name);
    field = '';
    if (path.length === 2 && tag.name === 'property') {
      property = { line: parser.line, name: tag.attributes.name, value: tag.attributes.value };
    }
  });
  const onText = (chunk: string): void => {
    if (path.length === 3) field += chunk;
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
