import { compareKeys } from '../../base/keys.ts';
import type { ListPage, ObjectInfo, Store } from '../../stores/store.ts';
import { type Call, denied } from '../call.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { uriEncodePath } from '../percent.ts';
import { quoted } from '../properties.ts';
import { document, element, escapeXml } from '../xml.ts';

const MOST_KEYS = 1000;
const OWNER = '<Owner><ID>sluice</ID><DisplayName>sluice</DisplayName></Owner>';

/** ListObjects (version 1) and ListObjectsV2. */
export async function listObjects(call: Call): Promise<void> {
  const { query, bucket } = call.request;
  const version2 = query.get('list-type') === '2';
  const asked = askedFor(call);
  const { prefix, delimiter, encode, maxKeys } = asked;
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after') ?? '';
  const marker = query.get('marker') ?? '';
  const purpose = ['list', call.scheme, bucket, prefix, delimiter];
  let after = version2 ? startAfter : marker;
  if (version2 && token !== undefined) {
    const opened = call.services.tokens.open(purpose, token);
    if (opened === undefined) {
      throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
        ArgumentName: 'continuation-token',
      });
    }
    after = opened;
  }
  const parts = call.auth.client.readable(call.scheme, bucket, prefix);
  if (parts.length === 0) throw denied();
  const found = await collect(call.store, parts, prefix, delimiter, after, maxKeys).catch(
    (error: unknown) => {
      throw toS3Error(error, 'NoSuchBucket');
    },
  );
  let head = `${element('Name', bucket)}<Prefix>${encode(prefix)}</Prefix>`;
  if (version2) {
    head += element('KeyCount', found.count);
    if (token !== undefined) head += element('ContinuationToken', token);
    if (startAfter !== '') head += `<StartAfter>${encode(startAfter)}</StartAfter>`;
    if (found.more) {
      head += element('NextContinuationToken', call.services.tokens.seal(purpose, found.last));
    }
  } else {
    head += `<Marker>${encode(marker)}</Marker>`;
    if (found.more) head += `<NextMarker>${encode(found.last)}</NextMarker>`;
  }
  head += element('MaxKeys', maxKeys);
  if (delimiter !== '') head += `<Delimiter>${encode(delimiter)}</Delimiter>`;
  if (asked.url) head += '<EncodingType>url</EncodingType>';
  head += element('IsTruncated', found.more);
  const owner = !version2 || query.get('fetch-owner') === 'true' ? OWNER : '';
  let entries = '';
  for (const object of found.objects) entries += contents(object, encode, owner);
  for (const each of found.prefixes) {
    entries += `<CommonPrefixes><Prefix>${encode(each)}</Prefix></CommonPrefixes>`;
  }
  call.replyXml(document('ListBucketResult', head + entries));
}

function contents(object: ObjectInfo, encode: (key: string) => string, owner: string): string {
  const etag = object.etag === undefined ? '' : `<ETag>${tagText(object.etag)}</ETag>`;
  const modified = new Date(object.modified ?? 0).toISOString();
  return `<Contents><Key>${encode(object.key)}</Key><LastModified>${modified}</LastModified>${etag}<Size>${object.size}</Size>${owner}<StorageClass>${object.storageClass ?? 'STANDARD'}</StorageClass></Contents>`;
}

/** An etag in its quotes; most have nothing else to escape. */
const tagText = (etag: string): string =>
  /^[\w-]+$/.test(etag) ? `&quot;${etag}&quot;` : escapeXml(quoted(etag));

/** What listings of objects and of uploads have in common. */
export function askedFor(call: Call, most = 'max-keys') {
  const { query } = call.request;
  const url = query.get('encoding-type');
  if (url !== undefined && url !== '' && url !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      ArgumentName: 'encoding-type',
      ArgumentValue: url,
    });
  }
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    url: url === 'url',
    encode: url === 'url' ? uriEncodePath : escapeXml,
    maxKeys: Math.min(query.number(most) ?? MOST_KEYS, MOST_KEYS),
  };
}

interface Found {
  objects: ObjectInfo[];
  prefixes: string[];
  count: number;
  /** The last key or prefix in key order; what the next page starts after. */
  last: string;
  more: boolean;
}

/** The first `limit` entries after `after` of what the client may see. @param parts see Client.readable */
async function collect(
  store: Store,
  parts: readonly string[],
  prefix: string,
  delimiter: string,
  after: string,
  limit: number,
): Promise<Found> {
  const found: Found = { objects: [], prefixes: [], count: 0, last: after, more: false };
  if (limit === 0) return found;
  for (const part of parts) {
    const shared = sharedPrefix(part, prefix, delimiter);
    if (found.count >= limit) {
      // Full: whether anything follows is all that is left to find out.
      if (await anything(store, part, found.last, shared)) {
        found.more = true;
        break;
      }
      continue;
    }
    if (shared !== undefined) {
      if (
        shared !== found.prefixes.at(-1) &&
        compareKeys(shared, after) > 0 &&
        (await anything(store, part, '', undefined))
      ) {
        add(found, { objects: [], prefixes: [shared] });
      }
      continue;
    }
    await addPart(store, part, delimiter, limit, found);
    if (found.more) break;
  }
  return found;
}

/** The common prefix that hides all of a part, where the delimiter comes again between the two prefixes. */
function sharedPrefix(part: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : part.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : part.slice(0, at + delimiter.length);
}

async function addPart(
  store: Store,
  part: string,
  delimiter: string,
  limit: number,
  found: Found,
): Promise<void> {
  const startAfter = found.last;
  for await (const page of store.list({
    prefix: part,
    ...(delimiter !== '' && { delimiter }),
    ...(startAfter !== '' && { startAfter }),
    pageSize: limit - found.count,
  })) {
    const room = limit - found.count;
    const size = page.objects.length + page.prefixes.length;
    if (size > room) {
      found.more = true;
      add(found, firstOf(page, room));
      return;
    }
    add(found, page);
    if (size < room) continue;
    found.more = page.more ?? (await anythingAfter(store, part, delimiter, found.last));
    return;
  }
}

/** The first entries of a page in key order. */
function firstOf(page: ListPage, room: number): ListPage {
  let objects = 0;
  let prefixes = 0;
  while (objects + prefixes < room) {
    const object = page.objects[objects];
    const shared = page.prefixes[prefixes];
    if (shared === undefined || (object !== undefined && compareKeys(object.key, shared) < 0)) objects++;
    else prefixes++;
  }
  return { objects: page.objects.slice(0, objects), prefixes: page.prefixes.slice(0, prefixes) };
}

function add(found: Found, page: ListPage): void {
  if (found.count === 0) {
    found.objects = page.objects;
    found.prefixes = page.prefixes;
  } else {
    found.objects = found.objects.concat(page.objects);
    found.prefixes = found.prefixes.concat(page.prefixes);
  }
  found.count += page.objects.length + page.prefixes.length;
  const key = page.objects.at(-1)?.key;
  const shared = page.prefixes.at(-1);
  if (key !== undefined && compareKeys(key, found.last) > 0) found.last = key;
  if (shared !== undefined && compareKeys(shared, found.last) > 0) found.last = shared;
}

async function anythingAfter(store: Store, part: string, delimiter: string, last: string): Promise<boolean> {
  const options = { prefix: part, startAfter: last, pageSize: 1, ...(delimiter !== '' && { delimiter }) };
  for await (const page of store.list(options)) {
    if (page.objects.length + page.prefixes.length > 0) return true;
  }
  return false;
}

/** Whether a part has a key that would make a new entry after `last`. */
async function anything(
  store: Store,
  part: string,
  last: string,
  shared: string | undefined,
): Promise<boolean> {
  if (shared !== undefined && compareKeys(shared, last) <= 0) return false;
  for await (const page of store.list({ prefix: part, pageSize: 1 })) {
    if (page.objects.length > 0) return true;
  }
  return false;
}
