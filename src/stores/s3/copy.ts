import { isError } from '../../base/errors.ts';
import { Limiter } from '../../base/limiter.ts';
import { StoreError } from '../errors.ts';
import { propertiesOf } from '../properties.ts';
import type { CopyOptions, Multipart, ObjectInfo, ObjectProperties, PartInfo, Store } from '../store.ts';
import { answeredFields, type S3Client } from './client.ts';
import { brokenAnswer } from './errors.ts';
import { addTag, isKeyed, quoted, writeHeaders } from './headers.ts';
import { copySource } from './multipart.ts';

const PARALLEL = 8;

export interface CopySource {
  store: Store;
  bucket: string;
  key: string;
}

/** Copies inside the store: in one request, or by parts where the object is larger than that takes. */
export async function copyObject(
  client: S3Client,
  multipart: Multipart,
  source: CopySource,
  key: string,
  options: CopyOptions,
): Promise<ObjectInfo> {
  const { signal } = options;
  const given = propertiesOf(options);
  const { storageClass, ...replaced } = given;
  const replaces = Object.keys(replaced).length > 0;
  let size = options.size;
  let head: ObjectInfo | undefined;
  const merges = replaces && options.keepProperties !== false;
  if (size === undefined || size > client.settings.copyThreshold || merges) {
    head = await source.store.head(source.key, signal ? { signal } : {});
    size = head.size;
  }
  const properties: ObjectProperties = head
    ? { ...propertiesOf({ ...head, storageClass: undefined }), ...given }
    : given;
  if (head && size > client.settings.copyThreshold) {
    return copyParts(client, multipart, source, head, key, properties, options);
  }

  const asked = { store: client.name, action: `copy from s3://${source.bucket} to`, key };
  const headers = writeHeaders(
    client.settings,
    replaces ? properties : storageClass === undefined ? {} : { storageClass },
    asked,
  );
  headers.push('x-amz-copy-source', copySource(source.bucket, source.key));
  if (replaces) headers.push('x-amz-metadata-directive', 'REPLACE');
  const sourceIfMatch = options.sourceIfMatch ?? (replaces ? head?.etag : undefined);
  if (sourceIfMatch !== undefined) headers.push('x-amz-copy-source-if-match', quoted(sourceIfMatch));
  if (options.ifNoneMatch !== undefined) {
    // AWS looks at the condition on a copy; others take the header and copy all the same.
    if (client.endpoint !== 'aws') await refuseExisting(client, key, options);
    headers.push('if-none-match', '*');
  }
  const info: ObjectInfo = { key, size };
  await client.send({
    ...asked,
    method: 'PUT',
    headers,
    signal,
    slow: true,
    accept: (answer) => {
      const fields = answeredFields(asked, answer);
      if (!fields.ETag) throw brokenAnswer(asked, 'the copy has no ETag', answer.headers);
      addTag(info, fields.ETag, client.settings.etagIsMd5 && !isKeyed(answer.headers));
      if (fields.LastModified) info.modified = Date.parse(fields.LastModified);
    },
  });
  return info;
}

async function refuseExisting(client: S3Client, key: string, options: CopyOptions): Promise<void> {
  try {
    const asked = { store: client.name, action: 'look at', key };
    await client.send({ ...asked, method: 'HEAD', signal: options.signal });
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return;
    throw error;
  }
  throw new StoreError('PRECONDITION_FAILED', `${client.name}/${key} is there already.`, {
    store: client.name,
    key,
  });
}

async function copyParts(
  client: S3Client,
  multipart: Multipart,
  source: CopySource,
  head: ObjectInfo,
  key: string,
  properties: ObjectProperties,
  options: CopyOptions,
): Promise<ObjectInfo> {
  const { copyPartSize } = client.settings;
  const partSize = Math.max(copyPartSize, Math.ceil(head.size / multipart.maxParts));
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  // The parts must be of one and the same object.
  const sourceIfMatch = options.sourceIfMatch ?? head.etag;
  const uploadId = await multipart.create(key, { ...properties, signal });
  const limiter = new Limiter(PARALLEL);
  const copies: Promise<PartInfo>[] = [];
  for (let start = 0; start < head.size; start += partSize) {
    const range = { start, end: Math.min(start + partSize, head.size) - 1 };
    const number = copies.length + 1;
    copies.push(
      limiter.run(() =>
        multipart.copyPart!(key, uploadId, number, source.store, source.key, {
          range,
          signal,
          ...(sourceIfMatch !== undefined && { sourceIfMatch }),
        }),
      ),
    );
  }
  try {
    const parts = await Promise.all(copies);
    const { ifNoneMatch } = options;
    return await multipart.complete(key, uploadId, parts, {
      signal,
      ...(ifNoneMatch !== undefined && { ifNoneMatch }),
    });
  } catch (error) {
    stop.abort();
    await Promise.allSettled(copies);
    await multipart.abort(key, uploadId).catch(() => undefined);
    throw error;
  }
}
