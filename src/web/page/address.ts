/** Where the user is in the page; it stands behind the # of the address, so that it can be kept and shared. */
export interface Address {
  /** 'jobs', 'start', 'schedules', 'tables' */
  view: string;
  /** Such as the id of a job. */
  item: string | undefined;
  query: Record<string, string>;
}

export function parseAddress(hash: string): Address {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view = '', item] = path.split('/').map(decoded);
  return {
    view: view || 'jobs',
    item: item || undefined,
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** `#/jobs/a%2Fb?search=x`; empty values are left out. */
export function formatAddress(
  view: string,
  item?: string,
  query: Record<string, string | undefined> = {},
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const path = item === undefined ? view : `${view}/${encodeURIComponent(item)}`;
  return `#/${path}${search.size > 0 ? `?${search}` : ''}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
