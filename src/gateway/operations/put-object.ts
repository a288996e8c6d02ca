import type { ObjectInfo, PutOptions } from '../../stores/store.ts';
import type { RequestBody } from '../body.ts';
import type { Call } from '../call.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { propertiesOfHeaders, quoted } from '../properties.ts';
import { checkNewKey } from '../request.ts';
import { tagsOfHeader } from './object-tags.ts';

/** Bodies up to this are read whole before the target is asked: one attempt can then be repeated. Bytes. */
export const SMALL = 128 * 1024;

/** PutObject; also directory markers (`key/` with no bytes). */
export async function putObject(call: Call): Promise<void> {
  call.need('write');
  checkNewKey(call.key);
  const { body } = call;
  const options = {
    ...propertiesOfHeaders(call.request.headers),
    ...writeConditions((name) => call.header(name)),
    ...tagsOfHeader(call),
  };
  refuseOddities(call);
  let info: ObjectInfo;
  if (body.size <= SMALL) {
    const bytes = await body.bytes(SMALL);
    info = await call.store.put(call.key, bytes, { ...options, size: body.size, ...kept(body) });
  } else {
    info = await call.store.put(call.key, body.stream(), {
      ...options,
      size: body.size,
      ...kept(body),
      ...trailing(body),
    });
  }
  const headers: string[] = [];
  if (info.etag !== undefined) headers.push('etag', quoted(info.etag));
  call.reply(200, withChecksum(headers, body));
}

/** A checksum that is known before the target is asked is kept there, where the target can. */
function kept(body: RequestBody): { checksums?: Record<string, string> } {
  const { checksum } = body;
  return checksum?.value === undefined ? {} : { checksums: { [checksum.name]: checksum.value } };
}

/** One that the client's trailer brings goes on as a trailer, where the target takes one. */
function trailing({ checksum }: RequestBody): PutOptions {
  if (!checksum || checksum.value !== undefined) return {};
  return { trailingChecksum: { name: checksum.name, value: () => checksum.value } };
}

/** Adds the checksum that was found to hold. */
export function withChecksum(headers: string[], body: RequestBody): string[] {
  if (body.checksum?.value !== undefined) {
    headers.push(
      `x-amz-checksum-${body.checksum.name}`,
      body.checksum.value,
      'x-amz-checksum-type',
      'FULL_OBJECT',
    );
  }
  return headers;
}

/** Appending (S3 Express) is a header of a put that must not be taken for a plain one. */
function refuseOddities(call: Call): void {
  if (call.header('x-amz-write-offset-bytes') === undefined) return;
  throw new S3Error('NotImplemented', 'A header you provided implies functionality that is not implemented', {
    Header: 'x-amz-write-offset-bytes',
  });
}
