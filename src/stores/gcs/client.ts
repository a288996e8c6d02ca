import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Storage } from '@google-cloud/storage';
import { Pool } from 'undici';
import { checkSignal } from '../checks.ts';
import { retry } from '../retry.ts';
import { type Asked, answeredError, noCredentials, unansweredError } from './errors.ts';
import type { GcsSettings } from './settings.ts';

export interface GcsRequest extends Asked {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Encoded; with its query. */
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Statuses that are answers although they are 300 or more. */
  accept?: readonly number[];
  /** One attempt only: the caller knows better what to do next. */
  once?: boolean;
}

export interface GcsAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/**
 * Sends requests to Google's JSON and XML APIs. The SDK brings the credentials and signs addresses; requests
 * are made here, because those of the SDK cannot be canceled, and repeat themselves by rules of their own.
 */
export class GcsClient {
  readonly settings: GcsSettings;
  readonly bucket: string;
  readonly name: string;
  readonly #pool: Pool;
  #storage: Promise<Storage> | undefined;

  constructor(settings: GcsSettings, bucket: string) {
    this.settings = settings;
    this.bucket = bucket;
    this.name = `gs://${bucket}`;
    this.#pool = new Pool(settings.endpoint, {
      connections: settings.connections,
      headersTimeout: settings.timeout,
      bodyTimeout: settings.timeout,
      connect: { timeout: settings.connectTimeout },
    });
  }

  /** The path of an object in the JSON API. */
  object(key: string, bucket = this.bucket): string {
    return `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}`;
  }

  /** One request with all its attempts, its answer collected. @throws StoreError */
  async send(request: GcsRequest): Promise<GcsAnswer> {
    const policy = request.once ? { ...this.settings.retry, attempts: 1 } : this.settings.retry;
    return retry(
      async () => {
        const { status, headers, body } = await this.#request(request);
        try {
          return { status, headers, body: Buffer.from(await body.arrayBuffer()) };
        } catch (error) {
          throw unansweredError(request, error);
        }
      },
      { policy, signal: request.signal },
    );
  }

  /** The same for JSON. */
  async json<T>(request: GcsRequest): Promise<T> {
    const { body } = await this.send(request);
    return JSON.parse(body.toString()) as T;
  }

  /** A request whose answer is read as it comes. */
  async open(request: GcsRequest): Promise<{ headers: IncomingHttpHeaders; status: number; body: Readable }> {
    return retry(() => this.#request(request), { policy: this.settings.retry, signal: request.signal });
  }

  async #request(request: GcsRequest) {
    const { method, path, signal } = request;
    checkSignal(this, signal);
    try {
      const answer = await this.#pool.request({
        method,
        path,
        headers: { ...(await this.#authorization()), ...request.headers },
        body: request.body ?? null,
        signal: signal ?? null,
      });
      const { statusCode: status, headers, body } = answer;
      if (status >= 300 && !request.accept?.includes(status)) {
        throw answeredError(request, status, headers, await body.text());
      }
      return { status, headers, body };
    } catch (error) {
      throw unansweredError(request, error);
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    const { credentials, userProject } = this.settings;
    const project = userProject === undefined ? undefined : { 'x-goog-user-project': userProject };
    if (credentials.kind === 'anonymous') return { ...project };
    if (credentials.kind === 'token') return { ...project, authorization: `Bearer ${credentials.token}` };
    try {
      const { authClient } = await this.storage();
      return { ...project, authorization: `Bearer ${await authClient.getAccessToken()}` };
    } catch (error) {
      throw noCredentials(this.name, error);
    }
  }

  /** Whether addresses can be signed: by a key of a service account, or by default credentials that may. */
  get signs(): boolean {
    const { credentials, signingKey } = this.settings;
    return credentials.kind === 'key' || credentials.kind === 'default' || signingKey !== undefined;
  }

  /** Google's SDK, loaded when it is needed. */
  storage(): Promise<Storage> {
    this.#storage ??= this.#load();
    return this.#storage;
  }

  async #load(): Promise<Storage> {
    const { Storage } = await import('@google-cloud/storage');
    const { credentials, signingKey, project, endpoint } = this.settings;
    const key = credentials.kind === 'key' ? credentials.key : signingKey;
    return new Storage({
      apiEndpoint: endpoint,
      ...(project !== undefined && { projectId: project }),
      ...(key && { credentials: key }),
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
