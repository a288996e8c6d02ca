import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compareKeys } from '../../../src/base/keys.ts';
import type { LakeFile } from '../../../src/tables/method.ts';
import type { SampleLake } from './sample-lake.ts';

/** The part of lakeFS' REST API that reads, over a SampleLake whose branches a test moves. */
export class LakeServer {
  readonly lake: SampleLake;
  readonly branches = new Map<string, string>();
  /** `METHOD path?query` of every request. */
  readonly requests: string[] = [];
  readonly #server: Server;

  constructor(lake: SampleLake) {
    this.lake = lake;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    const url = new URL(request.url!, this.url);
    const parts = url.pathname.split('/').slice(3).map(decodeURIComponent);
    const answer = this.#answer(parts, url.searchParams);
    if (Buffer.isBuffer(answer)) {
      sendBytes(response, answer, request.headers.range);
      return;
    }
    const status = answer === undefined ? 404 : 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'not found' }));
  }

  #answer(parts: string[], query: URLSearchParams): object | Buffer | undefined {
    if (parts[0] === 'config') {
      return { storage_config: { blockstore_type: 'local', pre_sign_support: false } };
    }
    const [, repository, kind, ref = '', ...rest] = parts;
    if (repository === undefined) return { results: [{ id: 'lake' }], pagination: { has_more: false } };
    if (repository !== 'lake') return undefined;
    if (!kind)
      return { id: 'lake', storage_namespace: 'local://lake', default_branch: 'main', creation_date: 1 };
    const commit = this.branches.get(ref) ?? (this.lake.has(ref) ? ref : undefined);
    if (kind === 'branches') return this.branches.has(ref) ? { id: ref, commit_id: commit } : undefined;
    if (!commit) return undefined;
    if (kind === 'commits') {
      return {
        id: commit,
        parents: [],
        committer: 'test',
        message: '',
        creation_date: 1_795_240_694,
        meta_range_id: '',
      };
    }
    const call = rest.slice(0, 2).join('/');
    if (call === 'objects')
      return this.lake.find(commit, query.get('path')!, (file) => this.lake.bytes(file.address));
    if (call === 'objects/stat') return this.lake.find(commit, query.get('path')!, stats);
    if (call === 'objects/ls') return paged(this.#files(commit), query, stats);
    if (rest[0] === 'diff') return this.#diff(commit, rest[1]!, query);
    return undefined;
  }

  #files(commit: string): LakeFile[] {
    return this.lake.files(commit).sort((a, b) => compareKeys(a.path, b.path));
  }

  #diff(left: string, right: string, query: URLSearchParams): object | undefined {
    if (!this.lake.has(right)) return undefined;
    const before = new Map(this.#files(left).map((file) => [file.path, file.checksum]));
    const now = new Map(this.#files(right).map((file) => [file.path, file.checksum]));
    const lines = [...new Set([...before.keys(), ...now.keys()])].sort(compareKeys).flatMap((path) => {
      const [old, current] = [before.get(path), now.get(path)];
      if (old === current) return [];
      return [
        {
          path,
          path_type: 'object',
          type: old === undefined ? 'added' : current === undefined ? 'removed' : 'changed',
        },
      ];
    });
    return paged(lines, query, (line) => line);
  }
}

const stats = ({ path, address, size, checksum }: LakeFile) => ({
  path,
  path_type: 'object',
  physical_address: address,
  checksum,
  size_bytes: size,
  mtime: 1_795_240_694,
});

function paged<T extends { path: string }>(
  all: T[],
  query: URLSearchParams,
  show: (item: T) => object,
): object {
  const [prefix, after] = [query.get('prefix') ?? '', query.get('after') ?? ''];
  const amount = Number(query.get('amount') ?? 100);
  const left = all.filter(({ path }) => path.startsWith(prefix) && compareKeys(path, after) > 0);
  const page = left.slice(0, amount);
  const more = left.length > amount;
  return {
    results: page.map(show),
    pagination: {
      has_more: more,
      next_offset: more ? page.at(-1)!.path : '',
      results: page.length,
      max_per_page: 1000,
    },
  };
}

function sendBytes(response: ServerResponse, bytes: Buffer, range: string | undefined): void {
  const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  if (!match) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    return;
  }
  const start = Number(match[1]);
  const end = Math.min(match[2] ? Number(match[2]) : bytes.length - 1, bytes.length - 1);
  response
    .writeHead(206, {
      'content-range': `bytes ${start}-${end}/${bytes.length}`,
      'content-length': end - start + 1,
    })
    .end(bytes.subarray(start, end + 1));
}
