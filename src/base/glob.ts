import { SluiceError } from './errors.ts';

/**
 * Turns a glob into a regular expression over a whole string.
 *
 * `*` and `?` stop at '/', `**` does not (`**` + '/' also matches no folder at all), `[a-z]` and `[!a-z]` are
 * classes, `{a,b}` alternatives (nested too), `\` takes the next character as it is.
 * @throws SluiceError BAD_SPEC for an unclosed class or brace, or a range such as `[z-a]`
 */
export function globToRegExp(glob: string): RegExp {
  return compile(glob, `^${globSource(glob)}$`);
}

function globSource(glob: string): string {
  let source = '';
  let braces = 0;
  const chars = [...glob];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '*') {
      if (chars[i + 1] !== '*') {
        source += '[^/]*';
        continue;
      }
      i++;
      const wholeFolder = (i < 2 || chars[i - 2] === '/') && chars[i + 1] === '/';
      if (wholeFolder) i++;
      source += wholeFolder ? '(?:.*/)?' : '.*';
    } else if (char === '?') {
      source += '[^/]';
    } else if (char === '[') {
      const end = chars.indexOf(']', i + (chars[i + 1] === '!' || chars[i + 1] === '^' ? 3 : 2));
      if (end < 0) throw badGlob(glob, 'the [ is not closed');
      const inner = chars.slice(i + 1, end).join('');
      const negated = /^[!^]/.test(inner);
      const body = (negated ? inner.slice(1) : inner).replace(/[\\[\]^]/g, '\\$&');
      source += negated ? `[^/${body}]` : `[${body}]`;
      i = end;
    } else if (char === '{') {
      braces++;
      source += '(?:';
    } else if (char === '}' && braces > 0) {
      braces--;
      source += ')';
    } else if (char === ',' && braces > 0) {
      source += '|';
    } else {
      source += escapeRegExp(char === '\\' && i + 1 < chars.length ? chars[++i]! : char);
    }
  }
  if (braces > 0) throw badGlob(glob, 'the { is not closed');
  return source;
}

/** One `--include` or `--exclude`; a type and not an interface, so that it is a Json value too. */
export type FilterRule = {
  include: boolean;
  glob: string;
};

/**
 * Decides which paths are taken, in the manner of .gitignore: the last rule that matches wins. A path that no
 * rule matches is taken, unless the first rule is an include (then only what is included is taken). A glob
 * without '/' (other than at its end) matches a name at any depth; one with '/' is matched from the root. A
 * rule that matches a folder matches everything under it.
 * @throws SluiceError BAD_SPEC
 */
export function pathFilter(rules: readonly FilterRule[]): (path: string) => boolean {
  if (rules.length === 0) return () => true;
  const compiled = rules.map(({ include, glob }) => ({ include, matches: ruleMatcher(glob) }));
  const otherwise = !compiled[0]!.include;
  compiled.reverse();
  return (path) => {
    for (const rule of compiled) if (rule.matches.test(path)) return rule.include;
    return otherwise;
  };
}

function ruleMatcher(glob: string): RegExp {
  const trimmed = glob.replace(/\/+$/, '');
  if (trimmed.replace(/^\/+/, '') === '') throw badGlob(glob, 'it is empty');
  const anchored = trimmed.includes('/');
  const folderOnly = trimmed !== glob;
  const source = globSource(trimmed.replace(/^\/+/, ''));
  return compile(glob, `^${anchored ? '' : '(?:.*/)?'}(?:${source})${folderOnly ? '/.*' : '(?:/.*)?'}$`);
}

function compile(glob: string, source: string): RegExp {
  try {
    return new RegExp(source, 'su');
  } catch {
    throw badGlob(glob, 'a range such as [a-z] must go upwards, and a - of its own stands last');
  }
}

function escapeRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function badGlob(glob: string, why: string): SluiceError {
  return new SluiceError('BAD_SPEC', `The pattern ${JSON.stringify(glob)} cannot be used: ${why}.`);
}
