import { globToRegExp } from '../../base/glob.ts';

/**
 * Splits a pattern at its braces that span directories: `/a/{b/c,d}/*` is `/a/b/c/*` and `/a/d/*`. Braces inside
 * one name stay.
 */
export function expandDirectories(pattern: string): string[] {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    if (pattern[i] !== '{') continue;
    const { end, commas } = closing(pattern, i);
    if (end < 0 || !pattern.slice(i, end).includes('/')) continue;
    const cuts = [i, ...commas, end];
    return cuts
      .slice(1)
      .flatMap((cut, n) =>
        expandDirectories(pattern.slice(0, i) + pattern.slice(cuts[n]! + 1, cut) + pattern.slice(end + 1)),
      );
  }
  return [pattern];
}

function closing(pattern: string, open: number): { end: number; commas: number[] } {
  const commas: number[] = [];
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '{') depth++;
    else if (pattern[i] === '}' && --depth === 0) return { end: i, commas };
    else if (pattern[i] === ',' && depth === 1) commas.push(i);
  }
  return { end: -1, commas };
}

/** One name of a pattern: fixed text, or a test with the text that every match begins with. */
export type NamePattern = { fixed: string } | { begins: string; matches: RegExp };

/** @throws SluiceError BAD_SPEC for an unclosed class or brace */
export function namePattern(name: string): NamePattern {
  if (!/[*?[{]/.test(name.replace(/\\./g, ''))) return { fixed: name.replace(/\\(.)/g, '$1') };
  return { begins: /^[^*?[{\\]*/.exec(name)![0], matches: globToRegExp(name) };
}
