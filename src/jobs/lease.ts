import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../base/errors.ts';
import { readAll } from '../stores/read.ts';
import type { PutOptions, Store } from '../stores/store.ts';
import type { Hold } from './kind.ts';

export interface LeaseOptions {
  /** The job's id. The same holder takes over its own lease, wherever it runs now. */
  holder: string;
  /** When that job was first started, milliseconds since 1970: tells it from one of the same id that another state has. */
  begun?: number;
  /** Milliseconds a lease stays good without a renewal. */
  ttl?: number;
  /** For the one who is refused: what the holder does. */
  about: string;
  /** Milliseconds between writing and reading back, for stores without conditional put. */
  settle?: number;
  /** What must hold once it is taken: when this throws, it is given back. */
  confirm?: () => Promise<void>;
  signal?: AbortSignal;
}

/** What is written into the lease object. */
interface Lease {
  holder: string;
  begun?: number;
  about: string;
  host: string;
  pid: number;
  /** Names this run of the machine and its space of process numbers; absent where that cannot be told. */
  boot?: string;
  /** Tells this taking from an earlier one by the same holder. */
  token: string;
  /** ISO times by the holder's clock. */
  since: string;
  expires: string;
  /** Milliseconds. */
  ttl: number;
}

interface Found {
  lease: Lease | undefined;
  etag: string | undefined;
  /** By the store's clock. */
  modified: number | undefined;
}

/**
 * Takes the lease at `key` of a Store, so that two jobs don't write to one place at once. Atomic where the
 * store has conditional puts; elsewhere it writes, waits and reads back, which leaves a small gap. Ages are
 * taken by the store's clock where it shows one, so a wrong clock here neither steals nor blocks.
 * @throws SluiceError LEASED, naming the holder, its host, since when, and when it expires; what `confirm` throws
 */
export async function acquireLease(store: Store, key: string, options: LeaseOptions): Promise<Hold> {
  const lease = new StoreLease(store, key, options);
  await lease.acquire();
  try {
    await options.confirm?.();
  } catch (error) {
    await lease.release().catch(() => {});
    throw error;
  }
  return lease;
}

class StoreLease implements Hold {
  readonly interval: number;
  readonly #store: Store;
  readonly #key: string;
  readonly #options: LeaseOptions;
  readonly #ttl: number;
  readonly #token = randomUUID();
  readonly #since = new Date().toISOString();
  #etag: string | undefined;
  #renewedAt = 0;

  constructor(store: Store, key: string, options: LeaseOptions) {
    this.#store = store;
    this.#key = key;
    this.#options = options;
    this.#ttl = options.ttl ?? 60_000;
    this.interval = Math.max(1, Math.floor(this.#ttl / 3));
  }

  async acquire(): Promise<void> {
    const { putIfAbsent, putIfMatch } = this.#store.capabilities;
    // Each round loses only to another taker, who is then seen and named.
    for (let round = 0; round < 5; round++) {
      const found = await this.#read();
      if (found?.lease && !this.#isOwn(found.lease) && !(await this.#expired(found)))
        throw this.#refused(found.lease);
      try {
        if (!found && putIfAbsent) return await this.#write({ ifNoneMatch: '*' });
        if (found?.etag !== undefined && putIfMatch) return await this.#write({ ifMatch: found.etag });
        await this.#write({});
        await sleep(this.#options.settle ?? 1000, undefined, { signal: this.#options.signal });
        const now = await this.#read();
        if (now?.lease?.token === this.#token) return;
      } catch (error) {
        // Only a put over an object can find it gone; a first one finds that there is no such bucket.
        const lost = isError(error, 'PRECONDITION_FAILED') || (found && isError(error, 'NOT_FOUND'));
        if (!lost) throw error;
      }
    }
    throw new SluiceError('LEASED', `${this.#where()} is being taken by others at this moment. Try again.`);
  }

  #isOwn({ holder, begun }: Lease): boolean {
    const { holder: own, begun: ownBegun } = this.#options;
    return holder === own && (begun === undefined || ownBegun === undefined || begun === ownBegun);
  }

  async renew(): Promise<void> {
    try {
      if (this.#store.capabilities.putIfMatch && this.#etag !== undefined) {
        await this.#write({ ifMatch: this.#etag });
      } else {
        const found = await this.#read();
        if (found?.lease && found.lease.token !== this.#token) throw this.#refused(found.lease);
        await this.#write({});
      }
    } catch (error) {
      if (isError(error, 'PRECONDITION_FAILED', 'NOT_FOUND')) return this.#settleRenewal();
      // When the store can't be reached for so long, another may have taken over in good faith.
      if (!isError(error, 'LEASED') && performance.now() - this.#renewedAt > this.#ttl) {
        throw new SluiceError(
          'LEASED',
          `${this.#where()} could not be renewed for ${Math.round(this.#ttl / 1000)} s, so another job may hold it now: ${(error as Error).message}`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /** The object is not the one we wrote last: ours from a renewal whose answer got lost, gone, or another's. */
  async #settleRenewal(): Promise<void> {
    const found = await this.#read();
    if (found?.lease?.token === this.#token) {
      this.#etag = found.etag;
      this.#renewedAt = performance.now();
    } else if (found?.lease) {
      throw this.#refused(found.lease);
    } else {
      await this.acquire();
    }
  }

  async release(): Promise<void> {
    try {
      if (this.#store.capabilities.deleteIfMatch && this.#etag !== undefined) {
        await this.#store.delete(this.#key, { ifMatch: this.#etag });
      } else {
        const found = await this.#read();
        if (found?.lease?.token === this.#token) await this.#store.delete(this.#key);
      }
    } catch (error) {
      // Another's lease is not ours to remove.
      if (!isError(error, 'PRECONDITION_FAILED', 'NOT_FOUND')) throw error;
    }
  }

  async #write(condition: Pick<PutOptions, 'ifMatch' | 'ifNoneMatch'>): Promise<void> {
    const started = performance.now();
    const lease: Lease = {
      holder: this.#options.holder,
      begun: this.#options.begun,
      about: this.#options.about,
      host: hostname(),
      pid: process.pid,
      boot: bootOf(),
      token: this.#token,
      since: this.#since,
      expires: new Date(Date.now() + this.#ttl).toISOString(),
      ttl: this.#ttl,
    };
    const info = await this.#store.put(this.#key, Buffer.from(`${JSON.stringify(lease, undefined, 2)}\n`), {
      ...condition,
      contentType: 'application/json',
    });
    this.#etag = info.etag;
    this.#renewedAt = started;
  }

  async #read(): Promise<Found | undefined> {
    try {
      const { info, body } = await this.#store.get(this.#key);
      return { lease: parseLease(await readAll(body)), etag: info.etag, modified: info.modified };
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #expired({ lease, modified }: Found): Promise<boolean> {
    if (hasDied(lease!)) return true;
    if (modified === undefined) return Date.now() > Date.parse(lease!.expires);
    const now = (await this.#storeTime()) ?? Date.now();
    return now > modified + lease!.ttl;
  }

  /** The store's clock, read from an object written now. */
  async #storeTime(): Promise<number | undefined> {
    const probe = `${this.#key}.${this.#token}`;
    const put = await this.#store.put(probe, Buffer.alloc(0));
    try {
      return put.modified ?? (await this.#store.head(probe)).modified;
    } finally {
      await this.#store.delete(probe);
    }
  }

  #where(): string {
    return `The lease ${this.#store.name}/${this.#key}`;
  }

  #refused(lease: Lease): SluiceError {
    return new SluiceError(
      'LEASED',
      `${this.#where()} is held by job ${lease.holder} (${lease.about}) on host ${lease.host}, process ${lease.pid}, since ${lease.since}; it expires at ${lease.expires} unless it is renewed. Wait for that job to end, or cancel it there: sluice jobs cancel ${lease.holder}`,
    );
  }
}

/** A lease object that can't be read protects nothing; it is replaced. */
function parseLease(content: Buffer): Lease | undefined {
  try {
    const lease = JSON.parse(content.toString('utf8')) as Partial<Lease>;
    const whole =
      typeof lease.holder === 'string' && typeof lease.ttl === 'number' && typeof lease.expires === 'string';
    return whole ? (lease as Lease) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process that took a lease ran here and is gone: then nobody waits for it to run out. */
function hasDied({ boot, pid }: Lease): boolean {
  if (boot === undefined || boot !== bootOf() || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Linux: the id of this boot, and the namespace that process numbers belong to (each container has its own). */
function bootOf(): string | undefined {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}
