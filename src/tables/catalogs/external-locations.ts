import { isError } from '../../base/errors.ts';
import type { RestClient } from '../rest.ts';

interface Page {
  external_locations?: { url?: string }[];
  next_page_token?: string;
}

/**
 * Folders of object stores that a Unity Catalog has credentials for (`GET /external-locations`), as far as the caller
 * is shown them.
 * @returns undefined when the catalog does not tell
 */
export async function externalLocations(
  rest: RestClient,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const urls: string[] = [];
  let page: string | undefined;
  try {
    do {
      const answer: Page = await rest.call({
        method: 'GET',
        path: '/api/2.1/unity-catalog/external-locations',
        query: { max_results: 1000, page_token: page },
        signal,
      });
      for (const { url } of answer.external_locations ?? []) if (url !== undefined) urls.push(url);
      page = answer.next_page_token || undefined;
    } while (page !== undefined);
  } catch (error) {
    if (isError(error, 'NOT_FOUND', 'ACCESS_DENIED', 'BAD_SPEC', 'UNAVAILABLE', 'PROTOCOL')) return undefined;
    throw error;
  }
  return urls;
}
