import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LakefsConnection } from '../../lake/client/connection.ts';
import { LakeFailure } from './failure.ts';
import { Faults } from './faults.ts';
import { Hooks } from './hooks.ts';
import { findRoute, type Reply, type Route, send } from './http.ts';
import { objectRoutes } from './object-routes.ts';
import { refRoutes } from './ref-routes.ts';
import type { Repository } from './repository.ts';
import { repositoryRoutes } from './repository-routes.ts';
import { UploadRoutes } from './upload-routes.ts';

/** Not a secret: the sample lake listens on this machine only and holds made-up data. */
const KEYS = { accessKeyId: 'AKIASAMPLELAKE', secretAccessKey: 'sample-lake-secret' };

/** An HTTP server on 127.0.0.1 that answers lakeFS's REST API for repositories in this process. */
export class LakeServer {
  readonly repositories = new Map<string, Repository>();
  readonly hooks = new Hooks();
  readonly faults = new Faults();
  /** How often each method and route was asked, such as `GET /repositories/…/objects/ls`. */
  readonly requests: { method: string; path: string }[] = [];
  /** Keeps `requests` when set. */
  recording = false;
  readonly accessKeyId = KEYS.accessKeyId;
  readonly secretAccessKey = KEYS.secretAccessKey;
  readonly #server: Server;
  readonly #routes: Route[];
  readonly #uploads: UploadRoutes;

  constructor() {
    const find = (name: string): Repository => {
      const repository = this.repositories.get(name);
      if (repository) return repository;
      throw new LakeFailure(404, 'repository not found');
    };
    this.#uploads = new UploadRoutes(find);
    this.#routes = [
      ...objectRoutes(find),
      ...this.#uploads.routes,
      ...refRoutes(find, this.hooks),
      ...repositoryRoutes(find, this.repositories),
    ];
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** @param port 0 takes a free one */
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a client needs. */
  get connection(): LakefsConnection {
    return { endpoint: this.url, ...KEYS, from: { endpoint: 'sample lake', credentials: 'sample lake' } };
  }

  /** The same for a program that takes it from its environment. */
  get environment(): Record<string, string> {
    return {
      LAKEFS_ENDPOINT: this.url,
      LAKEFS_ACCESS_KEY_ID: KEYS.accessKeyId,
      LAKEFS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    if (this.recording) this.requests.push({ method, path: request.url ?? '' });
    if (await this.faults.meet(request, response)) return;
    send(response, await this.#reply(method, request), method === 'HEAD');
  }

  async #reply(method: string, request: IncomingMessage): Promise<Reply> {
    const [path, search = ''] = (request.url ?? '/').split(/\?(.*)/s) as [string, string?];
    if (path === '/_health') return { status: 200, text: 'alive!' };
    const query = new URLSearchParams(search);
    try {
      const part = await this.#uploads.putPart(path, query, request);
      if (part) return part;
      if (!path.startsWith('/api/v1/')) throw new LakeFailure(404, 'not found');
      if (!this.#knows(request.headers.authorization))
        throw new LakeFailure(401, 'error authenticating request');
      const found = findRoute(this.#routes, method, path);
      if (!found) throw new LakeFailure(404, 'invalid API endpoint');
      return await found.handler({
        method,
        params: found.params,
        query,
        headers: request.headers,
        body: request,
      });
    } catch (error) {
      request.resume();
      const failure = error instanceof LakeFailure ? error : new LakeFailure(500, (error as Error).message);
      return { status: failure.status, headers: failure.headers, json: { message: failure.message } };
    }
  }

  #knows(authorization: string | undefined): boolean {
    const pair = `${KEYS.accessKeyId}:${KEYS.secretAccessKey}`;
    return authorization === `Basic ${Buffer.from(pair).toString('base64')}`;
  }
}
