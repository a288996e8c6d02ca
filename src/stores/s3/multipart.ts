import { createHash } from 'node:crypto';
import { isError } from '../../base/errors.ts';
import { combinedTag } from '../parts.ts';
import type { Body, Multipart, ObjectInfo, ObjectProperties, PartInfo, Store, UploadInfo } from '../store.ts';
import { answeredFields, type S3Client, type S3Request } from './client.ts';
import { brokenAnswer, header } from './errors.ts';
import { rangeHeader } from './get.ts';
import { addTag, quoted, unquoted, writeHeaders } from './headers.ts';
import { decodeUrl } from './list.ts';
import { promiseMd5, sendBody } from './send-body.ts';
import { canonicalQuery, encodeKey } from './signer.ts';
import { escapeXml, readXml } from './xml.ts';

/** S3's multipart upload ("Amazon S3 multipart upload limits"). */
export class S3Multipart implements Multipart {
  readonly minPartSize = 5 * 1024 * 1024;
  readonly maxPartSize = 5 * 1024 ** 3;
  readonly maxParts = 10_000;
  readonly #client: S3Client;
  /** The bucket of a Store that this one can copy from. */
  readonly #bucketOf: (source: Store) => string;

  constructor(client: S3Client, bucketOf: (source: Store) => string) {
    this.#client = client;
    this.#bucketOf = bucketOf;
  }

  async create(key: string, options: ObjectProperties & { signal?: AbortSignal } = {}): Promise<string> {
    const request = this.#request('begin an upload of', key);
    let uploadId: string | undefined;
    await this.#client.send({
      ...request,
      method: 'POST',
      query: 'uploads=',
      headers: writeHeaders(this.#client.settings, options, request),
      signal: options.signal,
      accept: (answer) => {
        uploadId = answeredFields(request, answer).UploadId;
        if (!uploadId) throw brokenAnswer(request, 'the upload has no id', answer.headers);
      },
    });
    return uploadId!;
  }

  async uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Body,
    options: { size?: number; md5?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const request: S3Request & { key: string } = {
      ...this.#request(`send part ${partNumber} of`, key),
      method: 'PUT',
      query: canonicalQuery({ partNumber: String(partNumber), uploadId }),
      signal: options.signal,
    };
    if (options.md5 !== undefined) promiseMd5(request, options.md5);
    const { answer, size } = await sendBody(this.#client, request, body, options.size);
    const etag = header(answer.headers, 'etag');
    if (!etag) throw brokenAnswer(request, 'the part has no ETag', answer.headers);
    return { partNumber, etag: unquoted(etag), size };
  }

  async copyPart(
    key: string,
    uploadId: string,
    partNumber: number,
    source: Store,
    sourceKey: string,
    options: { range?: { start: number; end: number }; sourceIfMatch?: string; signal?: AbortSignal } = {},
  ): Promise<PartInfo> {
    const request = this.#request(`copy part ${partNumber} of`, key);
    const headers = ['x-amz-copy-source', copySource(this.#bucketOf(source), sourceKey)];
    const { range } = options;
    if (range) headers.push('x-amz-copy-source-range', rangeHeader(range));
    if (options.sourceIfMatch !== undefined) {
      headers.push('x-amz-copy-source-if-match', quoted(options.sourceIfMatch));
    }
    const part: PartInfo = {
      partNumber,
      etag: '',
      size: range ? range.end - range.start + 1 : (await source.head(sourceKey, options)).size,
    };
    await this.#client.send({
      ...request,
      method: 'PUT',
      query: canonicalQuery({ partNumber: String(partNumber), uploadId }),
      headers,
      signal: options.signal,
      slow: true,
      accept: (answer) => {
        const fields = answeredFields(request, answer);
        if (!fields.ETag) throw brokenAnswer(request, 'the part has no ETag', answer.headers);
        part.etag = unquoted(fields.ETag);
        if (fields.LastModified) part.modified = Date.parse(fields.LastModified);
      },
    });
    return part;
  }

  async complete(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string }[],
    options: { ifNoneMatch?: '*'; ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo> {
    const asked = this.#request('put together', key);
    const xml = parts
      .map(
        ({ partNumber, etag }) =>
          `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(quoted(etag))}</ETag></Part>`,
      )
      .join('');
    const body = Buffer.from(`<CompleteMultipartUpload>${xml}</CompleteMultipartUpload>`);
    let etag: string | undefined;
    const request: S3Request = {
      ...asked,
      method: 'POST',
      query: canonicalQuery({ uploadId }),
      headers: ['content-type', 'application/xml'],
      body,
      payload: createHash('sha256').update(body).digest('hex'),
      signal: options.signal,
      slow: true,
      accept: (answer) => {
        etag = answeredFields(asked, answer).ETag;
      },
    };
    if (options.ifNoneMatch !== undefined) request.headers!.push('if-none-match', '*');
    if (options.ifMatch !== undefined) request.headers!.push('if-match', quoted(options.ifMatch));
    try {
      await this.#client.send(request);
    } catch (error) {
      // An attempt that got no answer may have done it; then the upload is gone, or the key is there.
      if (request.attempt === 1 || !isError(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error;
      const info = await this.#head(key);
      if (info?.etag !== combinedTag(parts)) throw error;
      return info;
    }
    // The answer has no size; a head gives it, and whether the ETag can be an MD5 of anything.
    const info = await this.#head(key);
    return info?.etag === undefined || (etag !== undefined && info.etag !== unquoted(etag))
      ? { key, size: info?.size ?? 0, ...(etag && { etag: unquoted(etag) }) }
      : info;
  }

  async abort(key: string, uploadId: string): Promise<void> {
    try {
      await this.#client.send({
        ...this.#request('give up the upload of', key),
        method: 'DELETE',
        query: canonicalQuery({ uploadId }),
      });
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
    }
  }

  async listParts(
    key: string,
    uploadId: string,
    options: { after?: number; limit?: number } = {},
  ): Promise<{ parts: PartInfo[]; more: boolean }> {
    const request = this.#request('list the parts of', key);
    const parts: PartInfo[] = [];
    let more = false;
    const query: Record<string, string> = { uploadId, 'max-parts': String(options.limit ?? 1000) };
    if (options.after !== undefined) query['part-number-marker'] = String(options.after);
    const answer = await this.#client.send({ ...request, method: 'GET', query: canonicalQuery(query) });
    let part: PartInfo = { partNumber: 0, etag: '', size: 0 };
    readXml(answer.body.toString(), {
      leaf(name, text, parent) {
        if (name === 'IsTruncated') more = text === 'true';
        if (parent !== 'Part') return;
        if (name === 'PartNumber') part.partNumber = Number(text);
        else if (name === 'ETag') part.etag = unquoted(text);
        else if (name === 'Size') part.size = Number(text);
        else if (name === 'LastModified') part.modified = Date.parse(text);
      },
      end(name) {
        if (name !== 'Part') return;
        parts.push(part);
        part = { partNumber: 0, etag: '', size: 0 };
      },
    });
    return { parts, more };
  }

  async listUploads(
    options: { prefix?: string; afterKey?: string; afterUploadId?: string; limit?: number } = {},
  ): Promise<{ uploads: UploadInfo[]; more: boolean }> {
    const query: Record<string, string> = {
      uploads: '',
      'encoding-type': 'url',
      'max-uploads': String(options.limit ?? 1000),
      prefix: options.prefix ?? '',
    };
    if (options.afterKey !== undefined) query['key-marker'] = options.afterKey;
    if (options.afterUploadId !== undefined) query['upload-id-marker'] = options.afterUploadId;
    const asked = { store: this.#client.name, action: 'list the uploads in' };
    const answer = await this.#client.send({ ...asked, method: 'GET', query: canonicalQuery(query) });
    const xml = answer.body.toString();
    const encoded = xml.includes('<EncodingType>url</EncodingType>');
    const uploads: UploadInfo[] = [];
    let more = false;
    let upload: UploadInfo = { key: '', uploadId: '', initiated: 0 };
    readXml(xml, {
      leaf(name, text, parent) {
        if (name === 'IsTruncated') more = text === 'true';
        if (parent !== 'Upload') return;
        if (name === 'Key') upload.key = encoded ? decodeUrl(text) : text;
        else if (name === 'UploadId') upload.uploadId = text;
        else if (name === 'Initiated') upload.initiated = Date.parse(text);
      },
      end(name) {
        if (name !== 'Upload') return;
        uploads.push(upload);
        upload = { key: '', uploadId: '', initiated: 0 };
      },
    });
    return { uploads, more };
  }

  #request(action: string, key: string): { store: string; action: string; key: string } {
    return { store: this.#client.name, action, key };
  }

  async #head(key: string): Promise<ObjectInfo | undefined> {
    try {
      const answer = await this.#client.send({ ...this.#request('check', key), method: 'HEAD' });
      const info: ObjectInfo = { key, size: Number(header(answer.headers, 'content-length')) };
      const modified = Date.parse(header(answer.headers, 'last-modified') ?? '');
      if (!Number.isNaN(modified)) info.modified = modified;
      addTag(info, header(answer.headers, 'etag'), false);
      return info;
    } catch (error) {
      // Someone who may write need not be able to read.
      if (isError(error, 'NOT_FOUND', 'ACCESS_DENIED')) return undefined;
      throw error;
    }
  }
}

/** The header that names the source of a copy. */
export function copySource(bucket: string, key: string): string {
  return `/${bucket}/${encodeKey(key)}`;
}
