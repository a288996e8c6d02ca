import { lstat, mkdir, realpath, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolders } from '../../base/folders.ts';
import { codeOf } from './errors.ts';
import { escapeName, meaningOf } from './names.ts';

/** Milliseconds for which a folder that was looked at counts as what it was. */
const FRESH = 5_000;
const KEPT = 20_000;

/**
 * The folders under a root: made when something is put there, removed when empty, and never entered through
 * a symbolic link. Folders that were seen lately are not looked at again, which is what makes many small
 * files fast.
 */
export class Folders {
  readonly #root: string;
  readonly #seen = new Map<string, { until: number; ready: Promise<void> }>();
  #realRoot: string | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** The root without links of its own. @throws ENOENT */
  async root(): Promise<string> {
    this.#realRoot ??= await realpath(this.#root);
    return this.#realRoot;
  }

  /** The root, made when it is not there. */
  async makeRoot(): Promise<string> {
    if (this.#realRoot === undefined) makeFolders(this.#root);
    return this.root();
  }

  /**
   * The path of a folder that is there and has no link on its way.
   * @throws ENOENT, ELOOP
   */
  async find(names: readonly string[]): Promise<string> {
    const root = await this.root();
    const path = join(root, ...names);
    if (names.length > 0) {
      await this.#once(path, async () => {
        if ((await realpath(path)) !== path) throw linkError();
      });
    }
    return path;
  }

  /** The path of a folder, made when it is not there; an object in its way gets its escaped name. */
  async make(names: readonly string[]): Promise<string> {
    let path = await this.makeRoot();
    if (names.length === 0) return path;
    const whole = join(path, ...names);
    if (this.#isFresh(whole)) {
      await this.#seen.get(whole)!.ready;
      return whole;
    }
    for (const [i, name] of names.entries()) {
      path = join(path, name);
      await this.#once(path, () => makeFolder(path, name, i === 0));
    }
    return path;
  }

  /** Forgets what is known of folders on a way that turned out to be something else. */
  async forget(names: readonly string[]): Promise<void> {
    let path = await this.root();
    for (const name of names) {
      path = join(path, name);
      this.#seen.delete(path);
    }
  }

  /** Removes a folder and those above it as long as they are empty; never the root. */
  async prune(path: string): Promise<void> {
    const root = await this.root();
    for (let at = path; at !== root && at.startsWith(root); at = dirname(at)) {
      this.#seen.delete(at);
      try {
        await rmdir(at);
      } catch {
        return;
      }
    }
  }

  #isFresh(path: string): boolean {
    return (this.#seen.get(path)?.until ?? 0) > performance.now();
  }

  async #once(path: string, work: () => Promise<void>): Promise<void> {
    if (!this.#isFresh(path)) {
      if (this.#seen.size >= KEPT) this.#seen.delete(this.#seen.keys().next().value!);
      this.#seen.delete(path);
      const ready = work();
      const entry = { until: performance.now() + FRESH, ready };
      this.#seen.set(path, entry);
      ready.catch(() => {
        if (this.#seen.get(path) === entry) this.#seen.delete(path);
      });
    }
    await this.#seen.get(path)!.ready;
  }
}

async function makeFolder(path: string, name: string, inRoot: boolean): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(path);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    try {
      const there = await lstat(path);
      if (there.isDirectory()) return;
      if (there.isSymbolicLink()) throw linkError();
      const meaning = meaningOf(name, false, inRoot);
      if (meaning?.type !== 'part' || attempt > 10) throw codeError('EEXIST');
      await rename(path, join(dirname(path), escapeName(meaning.part, '.%object')));
    } catch (error) {
      // Another process was faster; look again.
      if (codeOf(error) !== 'ENOENT' || attempt > 10) throw error;
    }
  }
}

export const linkError = (): Error => codeError('ELOOP');

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
