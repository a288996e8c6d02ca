import type { Readable } from 'node:stream';
import { isError, SluiceError } from '../../base/errors.ts';
import { keyBefore } from '../../base/keys.ts';
import type { LakeEntry } from '../client/entry.ts';

/** Presigned addresses are used for so long; lakeFS makes them valid for 15 minutes unless told otherwise. */
const USABLE_MS = 10 * 60 * 1000;

interface Page {
  urls: Map<string, string>;
  at: number;
}

/**
 * Presigned addresses of the paths that a walk asks for in rising order: one listing call brings the next
 * thousand, so lakeFS is asked once per thousand objects and not once per object.
 */
export class PresignedWindow {
  readonly #list: (after: string, amount: number) => Promise<LakeEntry[]>;
  #pages: Page[] = [];
  #loading: Promise<void> = Promise.resolve();

  /** @param list one page of a presigning listing after a path */
  constructor(list: (after: string, amount: number) => Promise<LakeEntry[]>) {
    this.#list = list;
  }

  /**
   * Opens an entry by its address; one that has run out is asked for again, once.
   * @throws SluiceError NOT_FOUND when the lake no longer lists the path
   */
  async open(entry: LakeEntry, open: (url: string) => Promise<Readable>): Promise<Readable> {
    const url = await this.#urlOf(entry.path);
    try {
      return await open(url);
    } catch (error) {
      if (!isError(error, 'ACCESS_DENIED', 'UNAUTHENTICATED')) throw error;
      for (const page of this.#pages) page.urls.delete(entry.path);
      const fresh = await this.#urlOf(entry.path);
      if (fresh === url) throw error;
      return open(fresh);
    }
  }

  async #urlOf(path: string): Promise<string> {
    const found = this.#find(path);
    if (found) return found;
    const load = this.#loading.then(async () => {
      if (this.#find(path)) return;
      const entries = await this.#list(keyBefore(path), 1000);
      const urls = new Map<string, string>();
      for (const entry of entries) if (entry.presignedUrl) urls.set(entry.path, entry.presignedUrl);
      this.#pages = [...this.#pages.slice(-1), { urls, at: Date.now() }];
    });
    this.#loading = load.catch(() => {});
    await load;
    const url = this.#find(path);
    if (!url) throw new SluiceError('NOT_FOUND', `The lake gives no presigned address for ${path}.`);
    return url;
  }

  #find(path: string): string | undefined {
    for (const page of this.#pages) {
      const url = Date.now() - page.at < USABLE_MS ? page.urls.get(path) : undefined;
      if (url) return url;
    }
    return undefined;
  }
}
