import { compareKeys } from '../../base/keys.ts';
import { cutPage } from '../cut-page.ts';
import type { ListOptions, ListPage } from '../store.ts';
import type { GcsClient } from './client.ts';
import { type GcsObject, infoOf, OBJECT_FIELDS } from './info.ts';

/** A listing as Google keeps it, uploads under way included. */
export async function* listObjects(
  client: GcsClient,
  options: ListOptions,
  isShown: (key: string) => boolean,
): AsyncGenerator<ListPage> {
  const { prefix = '', delimiter, startAfter = '', signal } = options;
  const pageSize = Math.min(1000, Math.max(1, options.pageSize ?? 1000));
  const isAfter = (key: string) => isShown(key) && (startAfter === '' || compareKeys(key, startAfter) > 0);
  let lastPrefix = startAfter;
  // The emulator repeats prefixes on every page.
  const isNew = (key: string) => isShown(key) && (lastPrefix === '' || compareKeys(key, lastPrefix) > 0);
  for (let token: string | undefined = ''; token !== undefined; ) {
    const query = new URLSearchParams({ maxResults: String(pageSize), prefix });
    query.set('fields', `nextPageToken,prefixes,items(${OBJECT_FIELDS})`);
    if (delimiter) query.set('delimiter', delimiter);
    if (startAfter) query.set('startOffset', startAfter);
    if (token) query.set('pageToken', token);
    const page: { items?: GcsObject[]; prefixes?: string[]; nextPageToken?: string } = await client.json({
      store: client.name,
      action: 'list',
      signal,
      method: 'GET',
      path: `/storage/v1/b/${encodeURIComponent(client.bucket)}/o?${query}`,
    });
    const objects = (page.items ?? []).filter(({ name }) => isAfter(name)).map(infoOf);
    const prefixes = (page.prefixes ?? []).filter(isNew).sort(compareKeys);
    lastPrefix = prefixes.at(-1) ?? lastPrefix;
    yield* cutPage({ objects, prefixes }, pageSize);
    token = page.nextPageToken || undefined;
  }
}
