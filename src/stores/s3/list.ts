import { isError } from '../../base/errors.ts';
import { compareKeys } from '../../base/keys.ts';
import type { ListOptions, ListPage, ObjectInfo } from '../store.ts';
import type { S3Client } from './client.ts';
import { type Asked, brokenAnswer } from './errors.ts';
import { addTag } from './headers.ts';
import { canonicalQuery } from './signer.ts';
import { readXml } from './xml.ts';

/** The most that ListObjectsV2 gives at once. */
const PAGE = 1000;
/** Pages from here on are worth asking for while the one before is being worked on. */
const AHEAD = 100;

export interface ParsedPage extends ListPage {
  /** Where the next page begins; undefined on the last. */
  next: string | undefined;
}

/**
 * ListObjectsV2, page by page; from the second page on, the next is on its way while one is worked on.
 * @param trustTags asked once, about the first ETag that looks like an MD5: whether it is one
 */
export async function* listObjects(
  client: S3Client,
  options: ListOptions,
  trustTags: (tagged: ObjectInfo) => Promise<boolean>,
): AsyncGenerator<ListPage, void, undefined> {
  const { prefix = '', startAfter, delimiter } = options;
  const size = Math.min(Math.max(options.pageSize ?? PAGE, 1), PAGE);
  /** Stops a page that is on its way while nobody waits for it. */
  let stopped: AbortController | undefined;
  const asked = { store: client.name, action: 'list' };

  const page = async (token: string | undefined, signal = options.signal): Promise<ParsedPage> => {
    const query: Record<string, string> = {
      'list-type': '2',
      'encoding-type': 'url',
      'max-keys': String(size),
      prefix,
    };
    if (delimiter !== undefined && delimiter !== '') query.delimiter = delimiter;
    if (token !== undefined) query['continuation-token'] = token;
    else if (startAfter !== undefined && startAfter !== '') query['start-after'] = startAfter;
    let parsed: ParsedPage;
    await client.send({
      ...asked,
      method: 'GET',
      query: canonicalQuery(query),
      signal,
      accept: (answer) => {
        parsed = parsePage(answer.body.toString('utf8'), asked);
      },
    });
    return parsed!;
  };

  let asMd5: boolean | undefined;
  try {
    let coming: Promise<ParsedPage> | undefined = page(undefined);
    for (let count = 1; coming; count++) {
      const { objects, prefixes, next } = await coming;
      coming = undefined;
      // Who wants one page only costs the store one page only.
      if (next !== undefined && size >= AHEAD && count > 1) {
        stopped ??= new AbortController();
        coming = page(
          next,
          options.signal ? AbortSignal.any([options.signal, stopped.signal]) : stopped.signal,
        );
        // It is awaited in the next round, or not wanted.
        coming.catch(() => undefined);
      }
      const tagged = objects.find((object) => object.md5 !== undefined);
      if (tagged) {
        asMd5 ??= await trustTags(tagged);
        if (!asMd5) for (const object of objects) delete object.md5;
      }
      // Some stores give the prefix that the start lies in once more.
      const shown =
        startAfter === undefined ? prefixes : prefixes.filter((each) => compareKeys(each, startAfter) > 0);
      if (objects.length > 0 || shown.length > 0) {
        yield { objects, prefixes: shown, more: next !== undefined };
      }
      if (next !== undefined) coming ??= page(next);
    }
  } catch (error) {
    if (stopped?.signal.aborted && isError(error, 'CANCELED') && !options.signal?.aborted) return;
    throw error;
  } finally {
    stopped?.abort();
  }
}

/** @throws StoreError PROTOCOL when it is no such document, or only a part of one */
export function parsePage(xml: string, asked: Asked): ParsedPage {
  const objects: ObjectInfo[] = [];
  const prefixes: string[] = [];
  const decode = xml.includes('<EncodingType>url</EncodingType>') ? decodeUrl : asIs;
  let next: string | undefined;
  let truncated = false;
  let object: ObjectInfo | undefined;
  let ended = false;
  try {
    readXml(xml, {
      leaf(name, text, parent) {
        if (parent === 'Contents') {
          object ??= { key: '', size: -1 };
          if (name === 'Key') object.key = decode(text);
          else if (name === 'Size') object.size = Number(text);
          else if (name === 'ETag') addTag(object, text, true);
          else if (name === 'LastModified') object.modified = Date.parse(text);
          else if (name === 'StorageClass') object.storageClass = text;
        } else if (parent === 'CommonPrefixes') {
          if (name === 'Prefix') prefixes.push(decode(text));
        } else if (parent === 'ListBucketResult') {
          if (name === 'IsTruncated') truncated = text === 'true';
          else if (name === 'NextContinuationToken') next = text;
        }
      },
      end(name) {
        if (name === 'ListBucketResult') ended = true;
        if (name !== 'Contents') return;
        if (!object || object.key === '' || !(object.size >= 0)) {
          throw new Error('an entry has no key or no size');
        }
        objects.push(object);
        object = undefined;
      },
    });
    if (!ended) throw new Error('it is no listing');
    if (truncated && !next) throw new Error('it is cut short and does not say where to go on');
  } catch (error) {
    throw brokenAnswer(asked, `the listing cannot be read: ${(error as Error).message}`);
  }
  return { objects, prefixes, next: truncated ? next : undefined };
}

function asIs(text: string): string {
  return text;
}

/** As forms encode: "+" is a space. */
export function decodeUrl(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return decodeURIComponent(text.replaceAll('+', ' '));
}
