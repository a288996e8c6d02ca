import type { ByteRange } from '../../stores/store.ts';
import { LakeFailure } from './failure.ts';
import { amountOf, jsonBody, paged, type Reply, type Request, type Route, required, route } from './http.ts';
import { listPage } from './listing.ts';
import type { FindRepository } from './ref-routes.ts';
import type { Repository } from './repository.ts';
import type { TreeEntry } from './tree.ts';

const MAX_DELETE = 1000;
const METADATA_HEADER = 'x-lakefs-meta-';

/** Objects: listed, read, written, deleted, copied and linked. */
export function objectRoutes(find: FindRepository): Route[] {
  const of = ({ params }: Request): Repository => find(params.repository!);
  const base = '/repositories/:repository';
  const entryAt = async (repository: Repository, ref: string, path: string): Promise<TreeEntry> => {
    const entry = (await repository.view(ref)).get(path);
    if (!entry) throw new LakeFailure(404, 'not found');
    return entry;
  };
  const read = async (request: Request): Promise<Reply> => {
    const repository = of(request);
    const path = required(request.query, 'path');
    const entry = await entryAt(repository, request.params.ref!, path);
    const etag = `"${entry.checksum}"`;
    if (request.headers['if-none-match'] === etag) return { status: 304 };
    if (request.query.get('presign') === 'true') {
      const location = await presigned(repository, entry.address, entry.full ?? false, 'GET');
      return { status: 302, headers: { location } };
    }
    const headers: Record<string, string> = {
      etag,
      'last-modified': new Date(entry.mtime * 1000).toUTCString(),
      'content-type': entry.contentType || 'application/octet-stream',
    };
    if (request.method === 'HEAD')
      return { headers: { ...headers, 'accept-ranges': 'bytes', 'content-length': String(entry.size) } };
    const range = rangeOf(request.headers.range, entry.size);
    if (range === 'unsatisfiable') {
      const outside = { ...headers, 'content-range': `bytes */${entry.size}` };
      throw new LakeFailure(416, 'Requested Range Not Satisfiable', outside);
    }
    if (range) {
      headers['content-range'] = `bytes ${range.start}-${range.end}/${entry.size}`;
      headers['content-length'] = String(range.end - range.start + 1);
    } else headers['content-length'] = String(entry.size);
    if (entry.size === 0) return { headers };
    return { status: range ? 206 : 200, headers, stream: await repository.storage.open(entry, range) };
  };

  return [
    route('GET', `${base}/refs/:ref/objects/ls`, async (request) => {
      const { query } = request;
      const amount = amountOf(query);
      const repository = of(request);
      const view = await repository.view(request.params.ref!);
      const { results, more } = listPage(view, {
        prefix: query.get('prefix') ?? '',
        after: query.get('after') ?? '',
        delimiter: query.get('delimiter') ?? '',
        amount,
      });
      const presign = query.get('presign') === 'true';
      const stats = await Promise.all(
        results.map((listed) =>
          'prefix' in listed ? prefixStats(listed.prefix) : statsOf(repository, listed.entry, presign),
        ),
      );
      return paged(stats, more, ({ path }) => path);
    }),
    route('GET', `${base}/refs/:ref/objects/stat`, async (request) => {
      const repository = of(request);
      const entry = await entryAt(repository, request.params.ref!, required(request.query, 'path'));
      const stats = await statsOf(repository, entry, request.query.get('presign') === 'true');
      return { json: { ...stats, metadata: entry.metadata ?? {} } };
    }),
    route('GET', `${base}/refs/:ref/objects`, read),
    route('HEAD', `${base}/refs/:ref/objects`, read),
    route('POST', `${base}/branches/:branch/objects`, async (request) => {
      const repository = of(request);
      const branch = existingBranch(repository, request.params.branch!);
      const path = required(request.query, 'path');
      await checkAbsent(repository, branch, path, request.headers['if-none-match']);
      const length = request.headers['content-length'];
      const written = await repository.storage.write(
        request.body,
        length === undefined ? undefined : Number(length),
      );
      const metadata: Record<string, string> = {};
      for (const [name, value] of Object.entries(request.headers)) {
        if (name.startsWith(METADATA_HEADER)) metadata[name.slice(METADATA_HEADER.length)] = String(value);
      }
      const entry: TreeEntry = {
        path,
        ...written,
        mtime: repository.now,
        contentType: request.headers['content-type'] ?? 'application/octet-stream',
      };
      if (Object.keys(metadata).length > 0) entry.metadata = metadata;
      repository.stage(branch, path, entry);
      return { status: 201, json: { ...(await statsOf(repository, entry, false)), metadata } };
    }),
    route('DELETE', `${base}/branches/:branch/objects`, async (request) => {
      const repository = of(request);
      const branch = existingBranch(repository, request.params.branch!);
      const path = required(request.query, 'path');
      if ((await repository.view(branch)).get(path)) repository.stage(branch, path, null);
      return { status: 204 };
    }),
    route('POST', `${base}/branches/:branch/objects/delete`, async (request) => {
      const repository = of(request);
      const branch = existingBranch(repository, request.params.branch!);
      const { paths } = await jsonBody<{ paths: string[] }>(request);
      if (paths.length > MAX_DELETE)
        throw new LakeFailure(400, `request size exceeded, max paths is set to ${MAX_DELETE}`);
      const view = await repository.view(branch);
      for (const path of paths) if (view.get(path)) repository.stage(branch, path, null);
      return { json: { errors: [] } };
    }),
    route('POST', `${base}/branches/:branch/objects/copy`, async (request) => {
      const repository = of(request);
      const branch = existingBranch(repository, request.params.branch!);
      const path = required(request.query, 'dest_path');
      const { src_path, src_ref } = await jsonBody<{ src_path: string; src_ref?: string }>(request);
      const source = await entryAt(repository, src_ref ?? branch, src_path);
      const body = source.size === 0 ? Buffer.alloc(0) : await repository.storage.open(source);
      const written = await repository.storage.write(body, source.size);
      const entry: TreeEntry = { ...source, ...written, full: false, path, mtime: repository.now };
      repository.stage(branch, path, entry);
      return {
        status: 201,
        json: { ...(await statsOf(repository, entry, false)), metadata: entry.metadata ?? {} },
      };
    }),
    route('GET', `${base}/branches/:branch/staging/backing`, async (request) => {
      const repository = of(request);
      existingBranch(repository, request.params.branch!);
      const path = required(request.query, 'path');
      const address = repository.storage.newAddress();
      const entry = { path, address, checksum: '', size: 0, mtime: 0, contentType: '' };
      const presign = request.query.get('presign') === 'true';
      const url = presign ? await presigned(repository, address, false, 'PUT') : null;
      return {
        json: { physical_address: repository.storage.physicalAddress(entry), presigned_url: url },
      };
    }),
    route('PUT', `${base}/branches/:branch/staging/backing`, async (request) => {
      interface Link {
        staging: { physical_address: string };
        checksum: string;
        size_bytes: number;
        content_type?: string;
        user_metadata?: Record<string, string>;
        mtime?: number;
      }
      const repository = of(request);
      const branch = existingBranch(repository, request.params.branch!);
      const path = required(request.query, 'path');
      const link = await jsonBody<Link>(request);
      await checkAbsent(repository, branch, path, request.headers['if-none-match']);
      const entry = linkedEntry(repository, path, link.staging.physical_address, {
        checksum: link.checksum.replaceAll('"', ''),
        size: link.size_bytes,
        mtime: link.mtime ?? repository.now,
        contentType: link.content_type ?? 'application/octet-stream',
        metadata: link.user_metadata,
      });
      repository.stage(branch, path, entry);
      return { json: { ...(await statsOf(repository, entry, false)), metadata: entry.metadata ?? {} } };
    }),
  ];
}

/** An entry of bytes that are in the object store already: below the namespace, or imported from anywhere. */
export function linkedEntry(
  repository: Repository,
  path: string,
  physicalAddress: string,
  properties: Pick<TreeEntry, 'checksum' | 'size' | 'mtime' | 'contentType' | 'metadata'>,
): TreeEntry {
  const probe = { path, address: '', ...properties };
  const inside = repository.storage.physicalAddress(probe);
  const own = physicalAddress.startsWith(inside);
  return {
    path,
    address: own ? physicalAddress.slice(inside.length) : physicalAddress,
    full: !own,
    ...properties,
  };
}

function existingBranch(repository: Repository, branch: string): string {
  if (!repository.branches.has(branch)) throw new LakeFailure(404, `branch '${branch}' not found`);
  return branch;
}

async function checkAbsent(
  repository: Repository,
  branch: string,
  path: string,
  condition: string | undefined,
): Promise<void> {
  if (condition === '*' && (await repository.view(branch)).get(path))
    throw new LakeFailure(412, 'path already exists');
}

async function presigned(
  { storage }: Repository,
  address: string,
  full: boolean,
  method: 'GET' | 'PUT',
): Promise<string> {
  if (storage.presign) return storage.presign(address, full, method);
  throw new LakeFailure(400, `${storage.type} adapter presigned URL: operation not supported`);
}

async function statsOf(repository: Repository, entry: TreeEntry, presign: boolean) {
  const address = presign
    ? await presigned(repository, entry.address, entry.full ?? false, 'GET')
    : repository.storage.physicalAddress(entry);
  return {
    checksum: entry.checksum,
    content_type: entry.contentType || undefined,
    metadata: entry.metadata,
    mtime: entry.mtime,
    path: entry.path,
    path_type: 'object',
    physical_address: address,
    size_bytes: entry.size,
  };
}

function prefixStats(path: string) {
  return { checksum: '', mtime: 0, path, path_type: 'common_prefix', physical_address: '' };
}

function rangeOf(
  header: string | undefined,
  size: number,
): (ByteRange & { start: number; end: number }) | 'unsatisfiable' | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (!match || (match[1] === '' && match[2] === '')) return 'unsatisfiable';
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start < size && start <= end ? { start, end } : 'unsatisfiable';
}
