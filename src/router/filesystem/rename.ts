import { compareKeys } from '../../base/keys.ts';
import { Limiter } from '../../base/limiter.ts';
import type { ObjectInfo, Store } from '../../stores/store.ts';
import { placeOf, placesOf } from '../bucket.ts';
import { copyObject } from '../copy.ts';
import { RenameFailed } from './errors.ts';
import { directoryPrefix, type Located, pathOf } from './path.ts';

/** Objects copied at once. */
const CONCURRENCY = 8;

/** Copies a file, checks the copy, deletes the source. @throws RenameFailed */
export async function moveFile(from: Located, to: Located): Promise<void> {
  await copyOne(from, from.key, to, to.key);
  const [source, copy] = await Promise.all([from.store.head(from.key), to.store.head(to.key)]);
  if (!sameContent(source, copy)) throw different(from, to, 1);
  await from.store.delete(from.key);
}

/**
 * Copies everything in a directory, compares the two listings, deletes from the source what has arrived.
 * What was added to the source meanwhile stays there. Until all is copied nothing is deleted.
 * @throws RenameFailed
 */
export async function moveDirectory(from: Located, to: Located): Promise<void> {
  const fromPrefix = directoryPrefix(from.key);
  const toPrefix = directoryPrefix(to.key);
  await refuseOverlap(from, fromPrefix, to, toPrefix);
  for await (const page of from.store.list({ prefix: fromPrefix })) {
    await copyAll(page.objects, (key) => copyOne(from, key, to, toPrefix + key.slice(fromPrefix.length)));
  }
  let left = 0;
  const copies = objects(to.store, toPrefix);
  try {
    let copy = await copies.next();
    for await (const page of from.store.list({ prefix: fromPrefix })) {
      const arrived: string[] = [];
      for (const source of page.objects) {
        const key = toPrefix + source.key.slice(fromPrefix.length);
        while (!copy.done && compareKeys(copy.value.key, key) < 0) copy = await copies.next();
        if (!copy.done && copy.value.key === key && sameContent(source, copy.value)) arrived.push(source.key);
        else left++;
      }
      const failures = await from.store.deleteMany(arrived);
      if (failures[0]) {
        throw new RenameFailed(
          pathOf(from.root, from.key),
          pathOf(to.root, to.key),
          `all is copied, but ${failures.length} objects could not be deleted (${failures[0].key}: ${failures[0].error.message})`,
        );
      }
    }
  } finally {
    await copies.return(undefined);
  }
  if (left > 0) throw different(from, to, left);
}

/** Mappings may lead both directories to one place, where copies would overwrite what is still to be copied. */
async function refuseOverlap(from: Located, fromPrefix: string, to: Located, toPrefix: string) {
  const targets = await placesOf(to.store, toPrefix);
  for (const { store, key } of await placesOf(from.store, fromPrefix)) {
    const other = targets.find(
      (target) => target.store === store && (target.key.startsWith(key) || key.startsWith(target.key)),
    );
    if (!other) continue;
    throw new RenameFailed(
      pathOf(from.root, from.key),
      pathOf(to.root, to.key),
      `mappings lead one into the other: both have keys under ${key.length > other.key.length ? key : other.key} of ${store.name}`,
    );
  }
}

/** Copies a page's objects, some at once. After a failure no other copy begins, and those begun are waited for. */
async function copyAll(page: readonly ObjectInfo[], copy: (key: string) => Promise<void>): Promise<void> {
  const limiter = new Limiter(CONCURRENCY);
  const failures: unknown[] = [];
  await Promise.all(
    page.map(({ key }) =>
      limiter.run(async () => {
        if (failures.length > 0) return;
        await copy(key).catch((error: unknown) => failures.push(error));
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

async function* objects(store: Store, prefix: string): AsyncGenerator<ObjectInfo, undefined> {
  for await (const page of store.list({ prefix })) yield* page.objects;
  return undefined;
}

async function copyOne(from: Located, fromKey: string, to: Located, toKey: string): Promise<void> {
  const [source, target] = await Promise.all([placeOf(from.store, fromKey), placeOf(to.store, toKey)]);
  if (source.store === target.store && source.key === target.key) {
    throw new RenameFailed(
      pathOf(from.root, fromKey),
      pathOf(to.root, toKey),
      `both are the object ${source.key} of ${source.store.name}`,
    );
  }
  await copyObject(source, target);
}

function sameContent(source: ObjectInfo, copy: ObjectInfo): boolean {
  if (source.size !== copy.size) return false;
  return source.md5 === undefined || copy.md5 === undefined || source.md5 === copy.md5;
}

const different = (from: Located, to: Located, count: number): RenameFailed =>
  new RenameFailed(
    pathOf(from.root, from.key),
    pathOf(to.root, to.key),
    `${count} objects of the source have no equal at the target and stay where they are`,
  );
