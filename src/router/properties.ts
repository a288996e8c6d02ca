import { SluiceError } from '../base/errors.ts';

/** One setting and where it is written, so that whatever is wrong with it can name the place. */
export interface Property {
  key: string;
  value: string;
  /** From 1: the line on which the setting begins. */
  line: number;
}

interface LogicalLine {
  text: string;
  line: number;
}

/**
 * Reads the .properties format as java.util.Properties.load does: comments with # or !, separators =, : or
 * white space, continuation by a backslash at the end of a line, escapes (\t \n \r \f \uXXXX, any other
 * character stands for itself). Nothing is trimmed at the end of a value.
 *
 * @param file name for errors
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function parseProperties(text: string, file: string): Property[] {
  const properties: Property[] = [];
  for (const { text: line, line: number } of logicalLines(text)) {
    const end = endOfKey(line);
    const rest = line.slice(end);
    const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(rest)![0].length;
    properties.push({
      key: unescaped(line.slice(0, end), file, number),
      value: unescaped(rest.slice(separator), file, number),
      line: number,
    });
  }
  return properties;
}

/** Lines with their continuations joined, without comments and empty ones. */
function* logicalLines(text: string): Generator<LogicalLine> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (let i = 0; i < lines.length; i++) {
    const first = lines[i]!.replace(/^[ \t\f]+/, '');
    if (first === '' || first.startsWith('#') || first.startsWith('!')) continue;
    const begin = i;
    let joined = first;
    while (endsInContinuation(joined)) {
      joined = joined.slice(0, -1);
      if (i + 1 >= lines.length) break;
      joined += lines[++i]!.replace(/^[ \t\f]+/, '');
    }
    yield { text: joined, line: begin + 1 };
  }
}

function endsInContinuation(line: string): boolean {
  const backslashes = /\\*$/.exec(line)![0].length;
  return backslashes % 2 === 1;
}

function endOfKey(line: string): number {
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if (/[=: \t\f]/.test(line[i]!)) return i;
  }
  return line.length;
}

const ESCAPES: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string, file: string, line: number): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === 'u') {
      throw new SluiceError(
        'BAD_CONFIG',
        `${file}:${line}: "\\u" must be followed by four hexadecimal digits; write "\\\\u" for a backslash and a u.`,
      );
    }
    return ESCAPES[escaped] ?? escaped;
  });
}
