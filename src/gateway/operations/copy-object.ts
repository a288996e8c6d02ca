import { isError } from '../../base/errors.ts';
import { propertiesOf } from '../../stores/properties.ts';
import type { ObjectInfo, ObjectProperties } from '../../stores/store.ts';
import type { Call } from '../call.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { propertiesOfHeaders, quoted } from '../properties.ts';
import { checkNewKey } from '../request.ts';
import { document, element, isoTime } from '../xml.ts';
import { type CopySource, copySource } from './copy-source.ts';
import { tagsOfHeader } from './object-tags.ts';

/** CopyObject: inside the provider where it can, else the bytes pass through here. */
export async function copyObject(call: Call): Promise<void> {
  call.need('write');
  checkNewKey(call.key);
  const directive = call.header('x-amz-metadata-directive')?.toUpperCase() ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw new S3Error('InvalidArgument', 'Unknown metadata directive.', {
      ArgumentName: 'x-amz-metadata-directive',
      ArgumentValue: directive,
    });
  }
  const asked = propertiesOfHeaders(call.request.headers);
  const replacedTags = call.header('x-amz-tagging-directive')?.toUpperCase() === 'REPLACE';
  const { tags } = replacedTags ? { tags: {}, ...tagsOfHeader(call) } : {};
  const conditions = writeConditions((name) => call.header(name));
  const source = await copySource(call);
  if (
    source.bucket === call.bucket &&
    source.key === call.key &&
    directive === 'COPY' &&
    !asked.storageClass
  ) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const replaced = directive === 'REPLACE' ? asked : undefined;
  const properties: ObjectProperties = replaced ?? {
    ...propertiesOf(source.info),
    storageClass: asked.storageClass,
  };
  await call.replyWhenDone(
    copy(call, source, properties, replaced !== undefined, conditions).then(async (info) => {
      if (tags) await call.store.tags?.set(call.key, tags);
      return document('CopyObjectResult', copyResult(info));
    }),
  );
}

async function copy(
  call: Call,
  source: CopySource,
  properties: ObjectProperties,
  replace: boolean,
  conditions: { ifNoneMatch?: '*'; ifMatch?: string },
): Promise<ObjectInfo> {
  const { store, key } = call;
  const { info, store: from } = source;
  const { etag: sourceIfMatch, size } = info;
  // A copy inside the provider keeps what is not given, so what is to be dropped must not be there.
  const droppable = ['contentEncoding', 'contentDisposition', 'contentLanguage', 'cacheControl'] as const;
  const drops =
    replace && droppable.some((name) => info[name] !== undefined && properties[name] === undefined);
  // Two buckets of a router copy always: it finds the shortest way for each pair of targets.
  const able = store.canCopyFrom(from) || (store.kind === 'router' && from.kind === 'router');
  if (conditions.ifMatch === undefined && !drops && able) {
    const given = replace
      ? { contentType: 'binary/octet-stream', metadata: {}, ...properties }
      : storageClassOf(properties);
    try {
      return await store.copyFrom(from, source.key, key, {
        ...given,
        ...(sourceIfMatch !== undefined && { sourceIfMatch }),
        ...(conditions.ifNoneMatch && { ifNoneMatch: conditions.ifNoneMatch }),
        size,
      });
    } catch (error) {
      // The target's credentials may read one side only; through here both are used.
      if (!isError(error, 'ACCESS_DENIED', 'UNSUPPORTED')) throw error;
    }
  }
  const open = async () => {
    const content = await from.get(source.key, sourceIfMatch === undefined ? {} : { ifMatch: sourceIfMatch });
    return content.body;
  };
  const { md5 } = info;
  return store.put(key, open, { ...properties, ...conditions, size, ...(md5 !== undefined && { md5 }) });
}

const storageClassOf = ({ storageClass }: ObjectProperties): ObjectProperties =>
  storageClass === undefined ? {} : { storageClass };

export function copyResult(info: { etag?: string; modified?: number }): string {
  const etag = info.etag === undefined ? undefined : quoted(info.etag);
  return element('LastModified', isoTime(info.modified ?? Date.now())) + element('ETag', etag);
}
