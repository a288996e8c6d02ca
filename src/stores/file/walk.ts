import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys } from '../../base/keys.ts';
import { codeOf } from './errors.ts';
import type { Folders } from './folders.ts';
import { folderNames, meaningOf } from './names.ts';

/** What a walk finds: an object, or a beginning that several share. */
export type Found = { key: string; path: string } | { prefix: string };

interface Entry {
  /** The last part of the key; for a folder with '/' at its end, which is also how it sorts. */
  part: string;
  path: string;
  folder: boolean;
  escaped: boolean;
}

export interface WalkOptions {
  prefix: string;
  startAfter: string;
  /** Folders are shown, not entered. */
  grouped: boolean;
}

/**
 * Goes through a folder in key order and reads one folder at a time: a folder `a` sorts as `a/`, so `a-b` and
 * `a.txt` come before what it holds and `a0` after. Memory is that of the names on one path down.
 */
export async function* walk(folders: Folders, options: WalkOptions): AsyncGenerator<Found, void, undefined> {
  const { prefix, startAfter, grouped } = options;
  const root = await folders.root();
  const parts = prefix.split('/');
  const firstPart = parts.pop()!;
  let start: string;
  try {
    start = await folders.find(folderNames(parts));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error))) return;
    throw error;
  }
  const above = parts.map((part) => `${part}/`).join('');
  const stack = [{ above, entries: await entriesOf(start, start === root, firstPart), at: 0 }];
  for (let level = stack.at(-1); level; level = stack.at(-1)) {
    const entry = level.entries[level.at++];
    if (!entry) {
      stack.pop();
      continue;
    }
    const key = level.above + entry.part;
    const isAfter = startAfter === '' || compareKeys(key, startAfter) > 0;
    if (!entry.folder) {
      if (isAfter) yield { key, path: entry.path };
    } else if (grouped && key.length > prefix.length) {
      if (isAfter && (await holdsObject(entry.path))) yield { prefix: key };
    } else if (isAfter || startAfter.startsWith(key)) {
      stack.push({ above: key, entries: await entriesOf(entry.path, false, ''), at: 0 });
    }
  }
}

/** What lies in a folder, in key order. @param begin what names must begin with */
async function entriesOf(path: string, isRoot: boolean, begin: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  await addEntries(entries, path, isRoot, begin, '');
  entries.sort((a, b) => compareKeys(a.part, b.part) || Number(a.escaped) - Number(b.escaped));
  // A plain name hides an escaped one of the same part, which is what is left of an older object.
  return entries.filter((entry, i) => i === 0 || entry.part !== entries[i - 1]!.part);
}

async function addEntries(
  entries: Entry[],
  path: string,
  isRoot: boolean,
  begin: string,
  before: string,
): Promise<void> {
  for (const found of await namesIn(path)) {
    const folder = found.isDirectory();
    if (!folder && !found.isFile()) continue;
    const meaning = meaningOf(found.name, folder, isRoot, before);
    if (!meaning) continue;
    const at = join(path, found.name);
    if (meaning.type === 'more') {
      if (meaning.part.startsWith(begin) || begin.startsWith(meaning.part)) {
        await addEntries(entries, at, isRoot, begin, meaning.part);
      }
      continue;
    }
    const part = folder ? `${meaning.part}/` : meaning.part;
    if (part.startsWith(begin)) entries.push({ part, path: at, folder, escaped: meaning.escaped });
  }
}

async function holdsObject(path: string): Promise<boolean> {
  const entries = await entriesOf(path, false, '');
  if (entries.some((entry) => !entry.folder)) return true;
  for (const entry of entries) if (await holdsObject(entry.path)) return true;
  return false;
}

async function namesIn(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    // Removed since its parent was read.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
