/**
 * A server in this process that answers the S3 requests that the tests of faults make, without credentials:
 * whole objects, ranges, copies, uploads by parts, listings, batch deletes. No more than they need; what S3
 * really does is tested on real servers (test/servers).
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TinyS3 {
  endpoint: string;
  /** "bucket/key" → bytes. */
  objects: Map<string, Buffer>;
  /** Uploads that were begun and neither completed nor aborted. */
  uploads: Map<string, Map<number, Buffer>>;
  stop(): Promise<void>;
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

export async function startTinyS3(): Promise<TinyS3> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  /** ETags of those that were put together from parts. */
  const tags = new Map<Buffer, string>();
  let ids = 0;
  const tagOf = (bytes: Buffer) => tags.get(bytes) ?? md5(bytes);

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const [path, search = ''] = incoming.url!.split('?');
    const name = decodeURIComponent(path!.slice(1));
    const query = new URLSearchParams(search);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const header = (key: string) => incoming.headers[key] as string | undefined;
    const send = (status: number, content: string | Buffer = '', headers: Record<string, string> = {}) => {
      outgoing.writeHead(status, { 'content-length': Buffer.byteLength(content), ...headers });
      outgoing.end(incoming.method === 'HEAD' ? '' : content);
    };
    const fail = (status: number, code: string) => send(status, `<Error><Code>${code}</Code></Error>`);
    const keep = (key: string, bytes: Buffer) => {
      objects.set(key, bytes);
      return `"${md5(bytes)}"`;
    };
    const source = () => {
      const from = objects.get(decodeURIComponent(header('x-amz-copy-source')!.slice(1)));
      const range = /bytes=(\d+)-(\d+)/.exec(header('x-amz-copy-source-range') ?? '');
      return range ? from?.subarray(Number(range[1]), Number(range[2]) + 1) : from;
    };
    const uploadId = query.get('uploadId');
    const parts = uploadId === null ? undefined : uploads.get(uploadId);
    if (uploadId !== null && !parts) return fail(404, 'NoSuchUpload');

    switch (`${incoming.method}${query.has('list-type') ? ' list' : ''}`) {
      case 'GET list': {
        const prefix = `${name}/${query.get('prefix') ?? ''}`;
        const after = `${name}/${query.get('continuation-token') ?? query.get('start-after') ?? ''}`;
        const size = Number(query.get('max-keys'));
        const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
        const page = keys.slice(0, size).map((key) => key.slice(name.length + 1));
        const entries = page.map((key) => {
          const bytes = objects.get(`${name}/${key}`)!;
          return `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>&quot;${tagOf(bytes)}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
        });
        const more = keys.length > size;
        const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
        return send(
          200,
          `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`,
        );
      }
      case 'GET':
      case 'HEAD': {
        const bytes = objects.get(name);
        if (!bytes) return fail(404, 'NoSuchKey');
        const etag = `"${tagOf(bytes)}"`;
        if (header('if-match') !== undefined && header('if-match') !== etag) {
          return fail(412, 'PreconditionFailed');
        }
        const range = /bytes=(\d+)-(\d*)/.exec(header('range') ?? '');
        if (!range) return send(200, bytes, { etag });
        const start = Number(range[1]);
        const end = Math.min(range[2] ? Number(range[2]) : bytes.length - 1, bytes.length - 1);
        if (start > end) return fail(416, 'InvalidRange');
        return send(206, bytes.subarray(start, end + 1), {
          etag,
          'content-range': `bytes ${start}-${end}/${bytes.length}`,
        });
      }
      case 'PUT': {
        const promised = header('content-md5');
        if (promised !== undefined && Buffer.from(promised, 'base64').toString('hex') !== md5(body)) {
          return fail(400, 'BadDigest');
        }
        const copied = header('x-amz-copy-source') === undefined ? undefined : (source() ?? null);
        if (copied === null) return fail(404, 'NoSuchKey');
        if (parts) {
          parts.set(Number(query.get('partNumber')), copied ?? body);
          const etag = `"${md5(copied ?? body)}"`;
          return copied
            ? send(200, `<CopyPartResult><ETag>${etag}</ETag></CopyPartResult>`)
            : send(200, '', { etag });
        }
        if (header('if-none-match') === '*' && objects.has(name)) return fail(412, 'PreconditionFailed');
        const etag = keep(name, copied ?? body);
        return copied
          ? send(200, `<CopyObjectResult><ETag>${etag}</ETag></CopyObjectResult>`)
          : send(200, '', { etag });
      }
      case 'POST': {
        if (query.has('uploads')) {
          const id = `upload-${++ids}`;
          uploads.set(id, new Map());
          return send(
            200,
            `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
          );
        }
        if (parts) {
          const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map((match) =>
            Number(match[1]),
          );
          const pieces = numbers.map((number) => parts.get(number)!);
          const whole = Buffer.concat(pieces);
          const hashes = Buffer.concat(pieces.map((piece) => Buffer.from(md5(piece), 'hex')));
          tags.set(whole, `${md5(hashes)}-${pieces.length}`);
          objects.set(name, whole);
          uploads.delete(uploadId!);
          const tag = `<ETag>"${tagOf(whole)}"</ETag>`;
          return send(200, `<CompleteMultipartUploadResult>${tag}</CompleteMultipartUploadResult>`);
        }
        for (const [, key] of body.toString().matchAll(/<Key>([^<]*)</g)) objects.delete(`${name}/${key}`);
        return send(200, '<DeleteResult/>');
      }
      default:
        if (parts) uploads.delete(uploadId!);
        else objects.delete(name);
        return send(204);
    }
  }

  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    uploads,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
