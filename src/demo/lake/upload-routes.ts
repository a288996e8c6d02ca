import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isError } from '../../base/errors.ts';
import { LakeFailure } from './failure.ts';
import { jsonBody, type Reply, type Request, type Route, required, route } from './http.ts';
import type { FindRepository } from './ref-routes.ts';
import type { Repository } from './repository.ts';
import type { Uploads } from './storage.ts';

interface Staged {
  physical_address: string;
}

/** Presigned uploads in parts. The parts' addresses are this server's own; they work without credentials. */
export class UploadRoutes {
  readonly #find: FindRepository;
  readonly #secret = randomBytes(16);

  constructor(find: FindRepository) {
    this.#find = find;
  }

  get routes(): Route[] {
    const base = '/repositories/:repository/branches/:branch/staging/pmpu';
    return [
      route('POST', base, async (request) => {
        const { repository, branch, uploads } = this.#open(request);
        required(request.query, 'path');
        if (!repository.branches.has(branch)) throw new LakeFailure(404, `branch '${branch}' not found`);
        const address = repository.storage.newAddress();
        const upload_id = await uploads.create(address);
        return { status: 201, json: { upload_id, physical_address: uploads.physicalAddress(address) } };
      }),
      route('PUT', `${base}/:upload/parts/:part`, async (request) => {
        const { uploads } = this.#open(request);
        const address = uploads.address((await jsonBody<Staged>(request)).physical_address);
        const { repository, upload, part } = request.params;
        const path = `/_parts/${repository}/${encodeURIComponent(upload!)}/${part}/${address}`;
        const url = `http://${request.headers.host}${path}?signature=${this.#sign(path)}`;
        return { json: { presigned_url: url } };
      }),
      route('PUT', `${base}/:upload/parts/:part/copy`, async (request) => {
        interface Copy extends Staged {
          copy_source: { repository: string; ref: string; path: string; range?: string };
        }
        const { uploads } = this.#open(request);
        const { physical_address, copy_source: source } = await jsonBody<Copy>(request);
        const from = this.#find(source.repository);
        const entry = (await from.view(source.ref)).get(source.path);
        if (!entry) throw new LakeFailure(404, 'not found');
        const match = /^bytes=(\d+)-(\d+)$/.exec(source.range ?? '');
        const range = match ? { start: Number(match[1]), end: Number(match[2]) } : undefined;
        const body = await from.storage.open(entry, range);
        const size = range ? range.end - range.start + 1 : entry.size;
        const { upload, part } = request.params;
        const etag = await uploads.put(uploads.address(physical_address), upload!, Number(part), body, size);
        return { status: 204, headers: { etag: `"${etag}"` } };
      }),
      route('PUT', `${base}/:upload`, async (request) => {
        interface Completion extends Staged {
          parts: { part_number: number; etag: string }[];
          content_type?: string;
          user_metadata?: Record<string, string>;
        }
        const { repository, branch, uploads } = this.#open(request);
        const path = required(request.query, 'path');
        const asked = await jsonBody<Completion>(request);
        const address = uploads.address(asked.physical_address);
        const parts = asked.parts.map(({ part_number, etag }) => ({ partNumber: part_number, etag }));
        const written = await uploads.complete(address, request.params.upload!, parts).catch(passedOn);
        const contentType = asked.content_type ?? 'application/octet-stream';
        const metadata = asked.user_metadata;
        const entry = { path, address, ...written, mtime: repository.now, contentType, metadata };
        repository.stage(branch, path, entry);
        return {
          json: {
            checksum: written.checksum,
            content_type: contentType,
            metadata: metadata ?? {},
            mtime: entry.mtime,
            path,
            path_type: 'object',
            physical_address: asked.physical_address,
            size_bytes: written.size,
          },
        };
      }),
      route('DELETE', `${base}/:upload`, async (request) => {
        const { uploads } = this.#open(request);
        const { physical_address } = await jsonBody<Staged>(request);
        await uploads.abort(uploads.address(physical_address), request.params.upload!);
        return { status: 204 };
      }),
    ];
  }

  /** A part at its presigned address; undefined for a path that is none. */
  async putPart(path: string, query: URLSearchParams, request: IncomingMessage): Promise<Reply | undefined> {
    const match = /^\/_parts\/([^/]+)\/([^/]+)\/(\d+)\/(.+)$/.exec(path);
    if (!match || request.method !== 'PUT') return undefined;
    if (query.get('signature') !== this.#sign(path)) return { status: 403 };
    const [, repository, upload, part, address] = match;
    const { uploads } = this.#find(repository!).storage;
    const size = Number(request.headers['content-length']);
    try {
      const id = decodeURIComponent(upload!);
      return { headers: { etag: `"${await uploads!.put(address!, id, Number(part), request, size)}"` } };
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
      return { status: 404, text: '<Error><Code>NoSuchUpload</Code></Error>' };
    }
  }

  #open({ params }: Request): { repository: Repository; branch: string; uploads: Uploads } {
    const repository = this.#find(params.repository!);
    const { uploads } = repository.storage;
    if (uploads) return { repository, branch: params.branch!, uploads };
    throw new LakeFailure(501, 'presign multipart upload API is not supported');
  }

  #sign(path: string): string {
    return createHmac('sha256', this.#secret).update(path).digest('hex');
  }
}

/** As lakeFS passes on what S3 says. */
function passedOn(error: unknown): never {
  if (isError(error, 'NOT_FOUND')) throw new LakeFailure(500, 'api error NoSuchUpload: no such upload');
  if (isError(error, 'BAD_SPEC')) throw new LakeFailure(500, 'api error InvalidPart: a part is missing');
  throw error;
}
