import type { Client, Metadata } from '@grpc/grpc-js';
import { isError, SluiceError } from '../../base/errors.ts';
import { type RetryPolicy, retry } from '../../stores/retry.ts';
import type { WeaviateConnection } from './connection.ts';
import { grpcError } from './errors.ts';
import { SignIn } from './sign-in.ts';

/** Replies larger than this are refused here; readers then ask for fewer objects. */
export const MAX_REPLY = 128 * 1024 * 1024;

interface CallOptions {
  signal?: AbortSignal | undefined;
  timeout?: number;
}

/** Unary calls of the service weaviate.v1.Weaviate, bytes in and out. */
export class WeaviateGrpc {
  readonly address: string;
  readonly #connection: WeaviateConnection;
  readonly #signIn: SignIn;
  readonly #policy: RetryPolicy | undefined;
  #client: Promise<{ client: Client; metadata: Metadata }> | undefined;

  constructor(connection: WeaviateConnection, policy?: RetryPolicy, signIn = new SignIn(connection)) {
    this.address = connection.grpc;
    this.#signIn = signIn;
    this.#connection = connection;
    this.#policy = policy;
  }

  /**
   * @param method such as Search
   * @param options.timeout milliseconds for one attempt
   * @throws SluiceError as errors.ts maps them; TOO_LARGE for a reply over the limit of either side
   */
  async call(method: string, request: Buffer, options: CallOptions = {}): Promise<Buffer> {
    return retry(() => this.#signedIn(method, request, options), {
      signal: options.signal,
      ...(this.#policy ? { policy: this.#policy } : {}),
    });
  }

  /** A token that was refused may have run out on its way: one more call with another. */
  async #signedIn(method: string, request: Buffer, options: CallOptions): Promise<Buffer> {
    const token = await this.#signIn.token();
    try {
      return await this.#once(method, request, options, token);
    } catch (error) {
      if (!isError(error, 'UNAUTHENTICATED') || !(await this.#signIn.another(token))) throw error;
      return this.#once(method, request, options, await this.#signIn.token());
    }
  }

  async #once(
    method: string,
    request: Buffer,
    { signal, timeout = 120_000 }: CallOptions,
    token: string | undefined,
  ): Promise<Buffer> {
    if (signal?.aborted) throw new SluiceError('CANCELED', 'The work was canceled.');
    this.#client ??= this.#connect();
    const { client, metadata: common } = await this.#client;
    const metadata = common.clone();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        `/weaviate.v1.Weaviate/${method}`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        metadata,
        { deadline: Date.now() + timeout },
        (error, reply) => {
          signal?.removeEventListener('abort', stop);
          if (error) {
            reject(
              signal?.aborted
                ? new SluiceError('CANCELED', 'The work was canceled.')
                : grpcError(error, `${method} at ${this.address}`),
            );
          } else resolve(reply!);
        },
      );
      const stop = () => call.cancel();
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  async #connect(): Promise<{ client: Client; metadata: Metadata }> {
    const grpc = await import('@grpc/grpc-js');
    const { grpcSecure, headers, url } = this.#connection;
    const credentials = grpcSecure ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    const client = new grpc.Client(this.address, credentials, {
      'grpc.max_receive_message_length': MAX_REPLY,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.enable_retries': 0,
      'grpc-node.flow_control_window': 4 * 1024 * 1024,
    });
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name.toLowerCase(), value);
    if (/\.weaviate\.(cloud|network|io)$/.test(new URL(url).hostname)) {
      metadata.set('x-weaviate-cluster-url', url);
    }
    return { client, metadata };
  }

  async close(): Promise<void> {
    const opened = await this.#client;
    opened?.client.close();
  }
}
