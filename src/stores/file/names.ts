import { join } from 'node:path';

/**
 * How keys become file names. A key `a/b/c` is the file c in the folders a and b, letter by letter, so that a
 * folder looks as anyone expects. What a file system cannot hold gets an escaped name, which ends with one of
 * three endings and has `%` and NUL of the key's part written as %25 and %00:
 *
 * - `<part>.%object`: an object whose plain name is taken by a folder (`a` beside `a/b`), an object whose last
 *   part is empty (`dir/` is `dir/.%object`), `.`, `..`, too long, or has one of these endings itself;
 * - `<part>.%folder`: the same for a folder (`a//b` is `a/.%folder/b`);
 * - `<part>.%more/`: the first 80 bytes of a part that is too long for one name; what follows is inside.
 *
 * A name with such an ending that this scheme would not have made is no object.
 */
const ENDINGS = /\.%(object|folder|more)$/;
const LONGEST_NAME = 255;
const CUT = 80;

/** The folder in the root for what is not complete; a key that begins with it is escaped. */
export const TEMPORARY = '.sluice-tmp';

export type Ending = '.%object' | '.%folder';

/** Whether this part of a key cannot be a file name as it is. */
export function needsEscape(part: string, inRoot: boolean): boolean {
  return (
    part === '' ||
    part === '.' ||
    part === '..' ||
    part.includes('\0') ||
    ENDINGS.test(part) ||
    (inRoot && part === TEMPORARY) ||
    tooLong(part)
  );
}

/** The escaped name of a part: one name, or several joined by '/' when it is long. */
export function escapeName(part: string, ending: Ending): string {
  const name = encode(part) + ending;
  if (!tooLong(name)) return name;
  const first = cut(part);
  return `${encode(first)}.%more/${escapeName(part.slice(first.length), ending)}`;
}

export interface Names {
  /** Folders from the root to the object, as names on disk. */
  folders: string[];
  /** Its file there, where the last part can be a file name. */
  plain: string | undefined;
  /** Its file when the plain name cannot be. */
  escaped: string;
}

/** Where an object lies, relative to the root. */
export function namesOf(key: string): Names {
  const parts = key.split('/');
  const last = parts.pop()!;
  const plain = needsEscape(last, parts.length === 0) ? undefined : last;
  return { folders: folderNames(parts), plain, escaped: escapeName(last, '.%object') };
}

/** The folders on disk of these parts of a key. */
export function folderNames(parts: readonly string[]): string[] {
  return parts.flatMap((part, i) =>
    needsEscape(part, i === 0) ? escapeName(part, '.%folder').split('/') : [part],
  );
}

/** What a name on disk stands for. */
export type Meaning =
  | { type: 'part'; part: string; escaped: boolean }
  | { type: 'more'; part: string }
  | undefined;

/**
 * @param name of a file or a folder
 * @param before what the `.%more` folders say that it lies in, '' for none
 */
export function meaningOf(name: string, isFolder: boolean, inRoot: boolean, before = ''): Meaning {
  const ending = ENDINGS.exec(name)?.[0];
  if (ending === undefined) {
    if (before !== '' || (inRoot && name === TEMPORARY)) return undefined;
    return { type: 'part', part: name, escaped: false };
  }
  const part = before + decode(name.slice(0, -ending.length));
  if (ending === '.%more') return isFolder ? { type: 'more', part } : undefined;
  if (isFolder !== (ending === '.%folder')) return undefined;
  if (isFolder && !needsEscape(part, inRoot)) return undefined;
  const canonical = escapeName(part, ending as Ending);
  return canonical.slice(canonical.lastIndexOf('/') + 1) === name && isMore(canonical) === (before !== '')
    ? { type: 'part', part, escaped: true }
    : undefined;
}

const isMore = (name: string): boolean => name.includes('/');
const tooLong = (name: string): boolean =>
  name.length > LONGEST_NAME / 3 && Buffer.byteLength(name) > LONGEST_NAME;
const encode = (part: string): string => part.replace(/%/g, '%25').replaceAll('\0', '%00');
const decode = (name: string): string => name.replace(/%(25|00)/g, (_, code) => (code === '25' ? '%' : '\0'));

/** As many whole characters as fit into CUT bytes. */
function cut(part: string): string {
  let length = 0;
  let bytes = 0;
  for (const char of part) {
    bytes += Buffer.byteLength(char);
    if (bytes > CUT) break;
    length += char.length;
  }
  return part.slice(0, length);
}

export const pathOf = (root: string, names: readonly string[]): string => join(root, ...names);
