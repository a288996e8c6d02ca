import type { ObjectTags } from '../../stores/store.ts';
import type { Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { PLAIN_ACLS } from '../properties.ts';
import { childText, document, element, malformed, parseXml } from '../xml.ts';
import { checkVersion } from './get-object.ts';

const MOST_TAGS = 10;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+@-]*$/u;
/** Ten tags, each of 128 and 256 characters that may all be escaped. */
const MOST_BYTES = 64 * 1024;

/** GetObjectTagging: none where the target keeps none. */
export async function getObjectTagging(call: Call): Promise<void> {
  call.need('read');
  checkVersion(call);
  const tags = (await call.store.tags?.get(call.key)) ?? (await noTags(call));
  const entries = Object.entries(tags).map(
    ([name, value]) => `<Tag>${element('Key', name)}${element('Value', value)}</Tag>`,
  );
  call.replyXml(document('Tagging', `<TagSet>${entries.join('')}</TagSet>`));
}

async function noTags(call: Call): Promise<Record<string, string>> {
  await call.store.head(call.key);
  return {};
}

/** PutObjectTagging. @throws S3Error NotImplemented where the target keeps none */
export async function putObjectTagging(call: Call): Promise<void> {
  call.need('write');
  checkVersion(call);
  const target = tagsOf(call);
  const root = parseXml((await call.body.bytes(MOST_BYTES)).toString());
  const set = root.children.find(({ name }) => name === 'TagSet');
  if (root.name !== 'Tagging' || !set) throw malformed();
  const tags: Record<string, string> = {};
  for (const tag of set.children) {
    const name = childText(tag, 'Key');
    const value = childText(tag, 'Value');
    if (tag.name !== 'Tag' || !name || value === undefined) throw malformed();
    if (Object.hasOwn(tags, name)) throw invalidTag('Cannot provide multiple Tags with the same key');
    tags[name] = value;
  }
  await target.set(call.key, checkedTags(tags));
  call.reply(200, []);
}

/** DeleteObjectTagging: nothing to do where the target keeps none. */
export async function deleteObjectTagging(call: Call): Promise<void> {
  call.need('write');
  checkVersion(call);
  if (call.store.tags) await call.store.tags.delete(call.key);
  else await call.store.head(call.key);
  call.reply(204, []);
}

/** PutObjectAcl: only what leaves things as they are. @throws S3Error NotImplemented */
export async function putObjectAcl(call: Call): Promise<void> {
  call.need('write');
  checkVersion(call);
  if (!PLAIN_ACLS.includes(call.header('x-amz-acl') ?? '')) {
    throw new S3Error('NotImplemented', "Access is granted in the gateway's configuration, not by ACLs.");
  }
  await call.store.head(call.key);
  call.reply(200, []);
}

/** What the header x-amz-tagging says: tags as the query of an address. @throws S3Error NotImplemented, InvalidTag */
export function tagsOfHeader(call: Call): { tags?: Record<string, string> } {
  const text = call.header('x-amz-tagging');
  if (text === undefined || text === '') return {};
  const pairs = [...new URLSearchParams(text)];
  const tags = Object.fromEntries(pairs);
  if (Object.keys(tags).length !== pairs.length)
    throw invalidTag('Cannot provide multiple Tags with the same key');
  tagsOf(call);
  return { tags: checkedTags(tags) };
}

/** S3's limits ("Categorizing your storage using tags"). */
function checkedTags(tags: Record<string, string>): Record<string, string> {
  const entries = Object.entries(tags);
  if (entries.length > MOST_TAGS) {
    throw new S3Error('BadRequest', 'Object tags cannot be greater than 10');
  }
  for (const [name, value] of entries) {
    if (name === '' || name.length > 128 || !TAG_TEXT.test(name))
      throw invalidTag('The TagKey you have provided is invalid');
    if (value.length > 256 || !TAG_TEXT.test(value))
      throw invalidTag('The TagValue you have provided is invalid');
  }
  return tags;
}

function tagsOf(call: Call): ObjectTags {
  const { tags } = call.store;
  if (tags) return tags;
  throw new S3Error('NotImplemented', 'The target of this key keeps no tags.');
}

const invalidTag = (message: string): S3Error => new S3Error('InvalidTag', message);
