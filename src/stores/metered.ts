import { pipeline, type Readable, Transform } from 'node:stream';
import { isError } from '../base/errors.ts';
import type {
  Body,
  Capabilities,
  CopyOptions,
  DeleteFailure,
  DeleteOptions,
  GetOptions,
  HeadOptions,
  ListOptions,
  ListPage,
  Multipart,
  ObjectContent,
  ObjectInfo,
  ObjectTags,
  PresignOptions,
  PutOptions,
  Store,
} from './store.ts';

export type Operation = 'list' | 'head' | 'get' | 'put' | 'delete' | 'copy' | 'part';

/** One call of an operation, when it is over; of `list`, one page; of `deleteMany`, one for all its keys. */
export interface Measured {
  operation: Operation;
  /** Until the method's promise was settled; the body of a get comes later. */
  milliseconds: number;
  /** Bytes written or copied by it; those of a get are reported by themselves as they come. */
  bytes: number;
  /** The code of the error it ended with. */
  error?: string;
}

export interface OperationTotals {
  calls: number;
  errors: number;
  bytes: number;
}

/**
 * Counts what is done with a Store, for reports and metrics. Copies need both sides metered, or neither: a
 * Store knows its own kind only, so this one looks through itself.
 */
export class MeteredStore implements Store {
  readonly inner: Store;
  readonly totals: Record<Operation, OperationTotals>;
  readonly presign?: (key: string, options: PresignOptions) => Promise<string>;
  readonly multipart?: Multipart;
  readonly tags?: ObjectTags;
  readonly #observe: (measured: Measured) => void;

  /** @param observe is told of every call, for metrics */
  constructor(inner: Store, observe: (measured: Measured) => void = () => undefined) {
    this.inner = inner;
    this.#observe = observe;
    const none = (): OperationTotals => ({ calls: 0, errors: 0, bytes: 0 });
    this.totals = {
      list: none(),
      head: none(),
      get: none(),
      put: none(),
      delete: none(),
      copy: none(),
      part: none(),
    };
    if (inner.presign) this.presign = (key, options) => inner.presign!(key, options);
    if (inner.tags) this.tags = inner.tags;
    if (inner.multipart) this.multipart = this.#meterParts(inner.multipart);
  }

  get kind(): string {
    return this.inner.kind;
  }

  get name(): string {
    return this.inner.name;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  async *list(options?: ListOptions): AsyncGenerator<ListPage> {
    const pages = this.inner.list(options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#measure('list', () => pages.next());
        if (done) return;
        yield value;
      }
    } finally {
      await pages.return?.();
    }
  }

  head(key: string, options?: HeadOptions): Promise<ObjectInfo> {
    return this.#measure('head', () => this.inner.head(key, options));
  }

  async get(key: string, options?: GetOptions): Promise<ObjectContent> {
    const content = await this.#measure('get', () => this.inner.get(key, options));
    return { ...content, body: counted(content.body, this.totals.get) };
  }

  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    return this.#measure('put', () => this.inner.put(key, body, options), sizeOf);
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#measure('delete', () => this.inner.delete(key, options));
  }

  deleteMany(keys: readonly string[], options?: { signal?: AbortSignal }): Promise<DeleteFailure[]> {
    return this.#measure('delete', () => this.inner.deleteMany(keys, options));
  }

  canCopyFrom(source: Store): boolean {
    return this.inner.canCopyFrom(unmetered(source));
  }

  copyFrom(source: Store, sourceKey: string, key: string, options?: CopyOptions): Promise<ObjectInfo> {
    const copy = () => this.inner.copyFrom(unmetered(source), sourceKey, key, options);
    return this.#measure('copy', copy, sizeOf);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  async #measure<T>(
    operation: Operation,
    work: () => Promise<T>,
    bytesOf?: (result: T) => number,
  ): Promise<T> {
    const started = performance.now();
    const totals = this.totals[operation];
    totals.calls++;
    try {
      const result = await work();
      const bytes = bytesOf?.(result) ?? 0;
      totals.bytes += bytes;
      this.#observe({ operation, milliseconds: performance.now() - started, bytes });
      return result;
    } catch (error) {
      totals.errors++;
      const code = isError(error) ? error.code : 'INTERNAL';
      this.#observe({ operation, milliseconds: performance.now() - started, bytes: 0, error: code });
      throw error;
    }
  }

  #meterParts(inner: Multipart): Multipart {
    const { copyPart } = inner;
    return {
      minPartSize: inner.minPartSize,
      maxPartSize: inner.maxPartSize,
      maxParts: inner.maxParts,
      create: (...args) => inner.create(...args),
      uploadPart: (...args) => this.#measure('part', () => inner.uploadPart(...args), sizeOf),
      ...(copyPart && {
        copyPart: (key, id, number, source, ...rest) =>
          this.#measure(
            'part',
            () => copyPart.call(inner, key, id, number, unmetered(source), ...rest),
            sizeOf,
          ),
      }),
      complete: (...args) => inner.complete(...args),
      abort: (...args) => inner.abort(...args),
      listParts: (...args) => inner.listParts(...args),
      listUploads: (...args) => inner.listUploads(...args),
    };
  }
}

const sizeOf = (info: { size: number }): number => info.size;

/** The Store behind a metered one; another as it is. */
export function unmetered(store: Store): Store {
  return store instanceof MeteredStore ? store.inner : store;
}

function counted(body: Readable, totals: OperationTotals): Readable {
  const counter = new Transform({
    highWaterMark: 256 * 1024,
    transform(chunk: Buffer, _encoding, done) {
      totals.bytes += chunk.length;
      done(null, chunk);
    },
  });
  // Errors of the body come out of the counter; one that is left early ends the body.
  pipeline(body, counter, () => undefined);
  return counter;
}
