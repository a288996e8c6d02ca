import { isError } from '../../../base/errors.ts';
import { findObject } from '../../../stores/find.ts';
import type { ObjectInfo } from '../../../stores/store.ts';
import type { FileSet, StoredFile } from '../../delta/file-set.ts';
import type { ExportRequest, MethodContext, TableTarget } from '../../method.ts';
import { walkSorted } from '../../rewrite/sorted-walk.ts';

/** Copies that wait for a free place beyond those that run: enough to never idle, few enough to never pile up. */
const AHEAD = 64;

/** Copies every needed file that the target lacks. @returns counts of what was copied and what was there */
export async function bringFiles(
  files: FileSet,
  request: ExportRequest,
  context: MethodContext,
): Promise<Record<string, number>> {
  const { source, target } = request;
  const counts = { objects: 0, bytes: 0, skipped: 0 };
  const copies = new Copies(context, async (file, key) => {
    await source.carry(file, { store: target.store, key }, context.signal);
    counts.objects++;
    counts.bytes += file.size;
    context.progress({ objects: 1, bytes: file.size });
  });
  const bring = (name: string): void => copies.add(files.stored(name)!, target.root + name);
  const others: string[] = [];
  await walkSorted({
    names: files.neededFiles(),
    root: target.root,
    async page(after, pageSize) {
      await copies.room();
      return await targetPage(target, after, pageSize, context.signal);
    },
    found(name, item) {
      if (sameContent(files.stored(name)!, item.info)) counts.skipped++;
      else others.push(name);
    },
    absent: bring,
  });
  // Another content under the same name: a kept version may need what is there, so the new one gets its own name.
  for (const name of others) {
    const stored = files.stored(name)!;
    const placed = otherName(name, stored.checksum);
    files.noteStored(name, { ...stored, placed });
    // Its name says its content. A file that came to the lake in parts always gets here: its checksum is no MD5.
    const there = await findObject(target.store, target.root + placed, context);
    if (there?.size === stored.size) {
      counts.skipped++;
      continue;
    }
    copies.add(stored, target.root + placed);
    await copies.room();
  }
  await copies.end();
  return counts;
}

async function targetPage(
  target: TableTarget,
  after: string,
  pageSize: number,
  signal: AbortSignal,
): Promise<{ path: string; info: ObjectInfo }[]> {
  const options = { prefix: target.root, startAfter: after, pageSize, signal };
  const page: { path: string; info: ObjectInfo }[] = [];
  try {
    for await (const { objects } of target.store.list(options)) {
      for (const info of objects) page.push({ path: info.key, info });
      if (page.length >= pageSize) break;
    }
  } catch (error) {
    // A folder that is made by the first copy.
    if (!isError(error, 'NOT_FOUND')) throw error;
  }
  return page;
}

function sameContent(stored: StoredFile, info: ObjectInfo): boolean {
  if (stored.size !== info.size) return false;
  const isMd5 = /^[0-9a-f]{32}$/.test(stored.checksum);
  return !isMd5 || info.md5 === undefined || info.md5 === stored.checksum;
}

function otherName(name: string, checksum: string): string {
  const slash = name.lastIndexOf('/') + 1;
  return `${name.slice(0, slash)}${checksum.replaceAll(/[^0-9A-Za-z-]/g, '')}-${name.slice(slash)}`;
}

/** Copies side by side; the first failure stops the others and comes out of `room` or `end`. */
class Copies {
  readonly #running = new Set<Promise<void>>();
  readonly #context: MethodContext;
  readonly #copy: (file: StoredFile, key: string) => Promise<void>;
  #failure: unknown;

  constructor(context: MethodContext, copy: (file: StoredFile, key: string) => Promise<void>) {
    this.#context = context;
    this.#copy = copy;
  }

  add(file: StoredFile, key: string): void {
    const running = this.#context.slots
      .run(async () => {
        if (this.#failure === undefined) await this.#copy(file, key);
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits until more may be added. */
  async room(): Promise<void> {
    while (this.#running.size > AHEAD) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
