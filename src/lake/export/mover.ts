import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../../base/errors.ts';
import { Limiter } from '../../base/limiter.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { readAll } from '../../stores/read.ts';
import { networkFailure } from '../../stores/retry.ts';
import type { ByteRange, ObjectInfo, ObjectProperties } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';
import { userMetadata } from '../store/properties.ts';
import { putLarge } from './multipart.ts';
import type { Route, Routes } from './routes.ts';
import { CHECKSUM_METADATA, md5Of } from './sameness.ts';
import { destinationKey, type Placement } from './walk.ts';

/** Up to here an object is read whole into memory: cheaper than a stream. */
const SMALL = 256 * 1024;
/** From here on an object is moved in parts. */
const LARGE = 64 * 1024 * 1024;
const ATTEMPTS = 4;
/** Objects above this are moved a few at a time: more of them only fight for the disk, the link and the processor's caches. */
const BULKY = 8 * 1024 * 1024;
/** In this process. */
const bulkySlots = new Limiter(8);

/** Reads an entry's bytes by one of the routes that pass through this process. */
export type ReadBytes = (
  entry: LakeEntry,
  route: Route,
  range: ByteRange | undefined,
  signal: AbortSignal,
) => Promise<Readable>;

/** How an entry got to its place. */
export interface Moved {
  /** The way its bytes went. */
  via: Route;
  /** What is there now. */
  info: ObjectInfo;
  /** Whether the bytes were compared with the lake's checksum on their way. */
  hashed: boolean;
}

/** Puts one entry at its place at the destination. */
export type Move = (entry: LakeEntry) => Promise<Moved>;

/** Moves single objects of one part to the destination, each by the best way, and checks what arrived. */
export class Mover {
  readonly #placement: Placement;
  readonly #routes: Routes;
  readonly #read: ReadBytes;
  readonly #context: JobContext;
  readonly #isOfParts: (entry: LakeEntry) => Promise<boolean>;
  #noteChecksums = false;
  /** There are objects whose checksum is of their parts: large ones are asked about before they are moved. */
  #partsMet = false;

  /** @param isOfParts whether the checksum of an entry, which is not that of its bytes, is of the parts it came in */
  constructor(
    placement: Placement,
    routes: Routes,
    read: ReadBytes,
    isOfParts: (entry: LakeEntry) => Promise<boolean>,
    context: JobContext,
  ) {
    this.#placement = placement;
    this.#routes = routes;
    this.#read = read;
    this.#isOfParts = isOfParts;
    this.#context = context;
  }

  /**
   * Puts one entry at its place.
   * @throws SluiceError what the last attempt ended with; the destination then holds what it held before
   */
  move(entry: LakeEntry): Promise<Moved> {
    return entry.size > BULKY ? bulkySlots.run(() => this.#move(entry)) : this.#move(entry);
  }

  async #move(entry: LakeEntry): Promise<Moved> {
    let failure: unknown;
    let md5 = md5Of(entry);
    if (md5 !== undefined && this.#partsMet && entry.size > BULKY && (await this.#isOfParts(entry)))
      md5 = undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      this.#context.signal.throwIfAborted();
      for (const route of await this.#routes.routesFor(entry)) {
        try {
          const info = route === 'copy' ? await this.#copy(entry, md5) : await this.#pass(entry, route, md5);
          this.#check(entry, info, md5);
          this.#routes.succeeded(entry);
          return { via: route, info, hashed: route !== 'copy' && md5 !== undefined };
        } catch (error) {
          failure = named(error, entry);
          if (!this.#routes.failed(entry, route, failure)) break;
        }
      }
      if (md5 !== undefined && isError(failure, 'CORRUPT') && (await this.#isOfParts(entry))) {
        md5 = undefined;
        this.#partsMet = true;
        continue;
      }
      // Stores have tried again by themselves; another whole attempt helps where the bytes were wrong or the
      // link broke in mid-stream.
      if (!isError(failure) || !failure.retryable || attempt === ATTEMPTS) break;
      await sleep(100 * 2 ** attempt * Math.random(), undefined, { signal: this.#context.signal });
    }
    throw failure;
  }

  async #copy(entry: LakeEntry, md5: string | undefined): Promise<ObjectInfo> {
    const { store } = this.#placement;
    const source = await this.#routes.open(entry);
    return store.copyFrom(source.store, source.path, destinationKey(this.#placement, entry.path), {
      ...this.#properties(entry, md5),
      keepProperties: false,
      size: entry.size,
      modified: entry.mtime,
      signal: this.#context.signal,
    });
  }

  async #pass(entry: LakeEntry, route: Route, md5: string | undefined): Promise<ObjectInfo> {
    const { store } = this.#placement;
    const { signal, throttle } = this.#context;
    const key = destinationKey(this.#placement, entry.path);
    const properties = this.#properties(entry, md5);
    if (entry.size > LARGE && store.multipart) {
      return putLarge(store, {
        key,
        size: entry.size,
        md5,
        properties,
        read: async (start, end) => {
          const bytes = await readAll(
            await this.#read(entry, route, { start, end }, signal),
            end - start + 1,
          );
          if (bytes.length !== end - start + 1) throw this.#short(entry, bytes.length);
          return bytes;
        },
        pass: async (bytes) => throttle?.take(bytes, signal),
        signal,
      });
    }
    const options = { ...properties, size: entry.size, md5, modified: entry.mtime, signal };
    if (entry.size <= SMALL) {
      await throttle?.take(entry.size, signal);
      const bytes =
        entry.size === 0
          ? Buffer.alloc(0)
          : await readAll(await this.#read(entry, route, undefined, signal), entry.size);
      if (bytes.length !== entry.size) throw this.#short(entry, bytes.length);
      return store.put(key, bytes, options);
    }
    return store.put(
      key,
      async () => {
        const body = await this.#read(entry, route, undefined, signal);
        if (!throttle) return body;
        const limited = throttle.stream(signal);
        body.on('error', (error) => limited.destroy(error));
        limited.on('close', () => body.destroy());
        return body.pipe(limited);
      },
      options,
    );
  }

  #properties(entry: LakeEntry, md5: string | undefined): ObjectProperties {
    const { store } = this.#placement;
    if (!store.capabilities.properties || store.kind === 'file') return {};
    const metadata = userMetadata(entry.metadata);
    if (this.#noteChecksums || md5 === undefined || entry.size > LARGE)
      metadata[CHECKSUM_METADATA] = entry.checksum;
    return { contentType: entry.contentType || undefined, metadata };
  }

  #check(entry: LakeEntry, info: ObjectInfo, md5: string | undefined): void {
    if (info.size !== entry.size || (md5 !== undefined && info.md5 !== undefined && info.md5 !== md5)) {
      throw new SluiceError(
        'CORRUPT',
        `What arrived at ${this.#placement.store.name} for ${entry.path} is not what the lake holds (size or hash differ).`,
      );
    }
    // A store that vouches for nothing: note the lake's checksum with the objects that follow.
    if (info.md5 === undefined) this.#noteChecksums = true;
  }

  #short(entry: LakeEntry, got: number): SluiceError {
    return new SluiceError('CORRUPT', `${got} bytes came where ${entry.path} has ${entry.size}.`);
  }
}

/** A link that breaks while a body is read comes out of the stream as the socket's own error. */
function named(error: unknown, entry: LakeEntry): unknown {
  const code = isError(error) ? undefined : networkFailure(error);
  return code === undefined
    ? error
    : new SluiceError(code, `The connection broke while ${entry.path} was read.`, { cause: error });
}
