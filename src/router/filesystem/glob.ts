import { globToRegExp } from '../../base/glob.ts';
import { childrenOf, type FileStatus, statusOf } from './lookup.ts';
import { joinKey, type Located, lastName } from './path.ts';

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

/** What a pattern, name by name, matches below a directory. */
export async function* matching(at: Located, names: readonly NamePattern[]): AsyncGenerator<FileStatus> {
  const wild = names.findIndex((name) => 'matches' in name);
  const fixed = names.slice(0, wild < 0 ? names.length : wild);
  const key = fixed.reduce((path, name) => joinKey(path, 'fixed' in name ? name.fixed : ''), at.key);
  if (wild < 0) {
    const status = await statusOf({ ...at, key });
    if (status) yield status;
    return;
  }
  const pattern = names[wild] as { begins: string; matches: RegExp };
  const rest = names.slice(wild + 1);
  for await (const status of childrenOf({ ...at, key }, pattern.begins)) {
    const name = status && lastName(status.path);
    if (!name || !pattern.matches.test(name)) continue;
    if (rest.length === 0) yield status;
    else if (status.isDirectory) yield* matching({ ...at, key: joinKey(key, name) }, rest);
  }
}
