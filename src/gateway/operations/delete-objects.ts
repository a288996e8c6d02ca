import type { Call } from '../call.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error, toS3Error } from '../errors.ts';
import { unquoted } from '../properties.ts';
import { checkKey } from '../request.ts';
import { childText, document, element, malformed, parseXml } from '../xml.ts';
import { checkVersion } from './get-object.ts';

const MOST_KEYS = 1000;
/** 1,000 keys of 1,024 bytes, escaped. */
const MOST_BYTES = 8 * 1024 * 1024;

/** DeleteObject. */
export async function deleteObject(call: Call): Promise<void> {
  call.need('delete');
  checkVersion(call);
  const { ifMatch } = writeConditions((name) => call.header(name));
  await call.store.delete(call.key, ifMatch === undefined ? {} : { ifMatch });
  call.reply(204);
}

/** DeleteObjects: each key is allowed or denied for itself. */
export async function deleteObjects(call: Call): Promise<void> {
  const { body } = call;
  if (body.md5 === undefined && body.checksum === undefined && !/^[0-9a-f]{64}$/.test(call.auth.payload)) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
  const root = parseXml((await body.bytes(MOST_BYTES)).toString());
  if (root.name !== 'Delete') throw malformed();
  const asked = root.children.filter((child) => child.name === 'Object');
  if (asked.length === 0 || asked.length > MOST_KEYS) throw malformed();
  const quiet = childText(root, 'Quiet') === 'true';
  const failures = new Map<string, S3Error>();
  const plain: string[] = [];
  const conditional: { key: string; ifMatch: string }[] = [];
  const keys: string[] = [];
  for (const object of asked) {
    const key = childText(object, 'Key');
    if (key === undefined || key === '') throw malformed();
    keys.push(key);
    const failure = refused(call, key, childText(object, 'VersionId'));
    const etag = childText(object, 'ETag');
    if (failure) failures.set(key, failure);
    else if (etag !== undefined) conditional.push({ key, ifMatch: unquoted(etag) });
    else plain.push(key);
  }
  if (plain.length > 0) {
    for (const { key, error } of await call.store.deleteMany(plain)) failures.set(key, toS3Error(error));
  }
  for (const { key, ifMatch } of conditional) {
    await call.store.delete(key, { ifMatch }).catch((error: unknown) => failures.set(key, toS3Error(error)));
  }
  let entries = '';
  for (const key of keys) {
    const failure = failures.get(key);
    if (failure) {
      entries += `<Error>${element('Key', key)}${element('Code', failure.code)}${element('Message', failure.message)}</Error>`;
    } else if (!quiet) entries += `<Deleted>${element('Key', key)}</Deleted>`;
  }
  call.replyXml(document('DeleteResult', entries));
}

function refused(call: Call, key: string, version: string | undefined): S3Error | undefined {
  if (!call.auth.client.may('delete', call.scheme, call.bucket, key))
    return new S3Error('AccessDenied', 'Access Denied');
  if (version !== undefined && version !== '' && version !== 'null') {
    return new S3Error('InvalidArgument', 'Invalid version id specified');
  }
  try {
    checkKey(key);
    return undefined;
  } catch (error) {
    return toS3Error(error);
  }
}
