import { compareKeys } from '../base/keys.ts';
import type { ListPage } from './store.ts';

/** A page as pages of at most `size` entries, in key order over objects and prefixes; none for an empty one. */
export function* cutPage(page: ListPage, size: number): Generator<ListPage> {
  const { objects, prefixes } = page;
  if (objects.length + prefixes.length <= size) {
    if (objects.length + prefixes.length > 0) yield page;
    return;
  }
  let next: ListPage = { objects: [], prefixes: [] };
  for (let i = 0, j = 0; i < objects.length || j < prefixes.length; ) {
    const object = objects[i];
    const prefix = prefixes[j];
    if (prefix === undefined || (object && compareKeys(object.key, prefix) < 0)) {
      next.objects.push(object!);
      i++;
    } else {
      next.prefixes.push(prefix);
      j++;
    }
    if (next.objects.length + next.prefixes.length === size) {
      yield next;
      next = { objects: [], prefixes: [] };
    }
  }
  if (next.objects.length + next.prefixes.length > 0) yield next;
}
