import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ErrorCode, isError } from '../../../src/base/errors.ts';
import { readAll } from '../../../src/stores/read.ts';
import type { GetOptions, ListOptions, Store } from '../../../src/stores/store.ts';

/** What is particular to one store. */
export interface ContractOptions {
  /** Awkward keys of the suite that this store (or server) cannot hold: putting them must give BAD_KEY. */
  refusedKeys?: readonly string[];
  /** What a put of `a/b` gives where `a` is an object; default: both are kept. */
  keyBelowObject?: ErrorCode;
  /** `modified` of a put is shown afterwards. */
  showsModified?: boolean;
  /** The store vouches for the MD5 of what is put in one piece; default true. */
  knowsMd5?: boolean;
  /** Fewer objects for a slow server: how many keys make "many"; default 1,100. */
  many?: number;
  /** Bytes of a body that goes by multipart with this store; default 1,000,000. */
  large?: number;
  /** Keys, and names of tests, that the server under test is known to get wrong: these are skipped, and why. */
  skip?: Record<string, string>;
}

export interface Subject {
  readonly store: Store;
  readonly options: ContractOptions;
  /** A second store of the same kind. */
  another(): Promise<Store>;
}

export async function text(store: Store, key: string, options?: GetOptions): Promise<string> {
  return (await bytesOf(store, key, options)).toString();
}

export async function bytesOf(store: Store, key: string, options?: GetOptions): Promise<Buffer> {
  const { body } = await store.get(key, options);
  return readAll(body);
}

/** Everything of a listing, with the pages checked on their way. */
export async function listed(
  store: Store,
  options: ListOptions = {},
): Promise<{ keys: string[]; prefixes: string[]; pages: number }> {
  const all = { keys: [] as string[], prefixes: [] as string[], pages: 0 };
  for await (const page of store.list(options)) {
    const count = page.objects.length + page.prefixes.length;
    if (options.pageSize !== undefined) assert.ok(count <= options.pageSize, `a page of ${count} entries`);
    all.keys.push(...page.objects.map((object) => object.key));
    all.prefixes.push(...page.prefixes);
    all.pages++;
  }
  return all;
}

export async function fill(store: Store, keys: readonly string[]): Promise<void> {
  const waiting = [...keys];
  const work = async () => {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      await store.put(key, Buffer.from(key), { size: Buffer.byteLength(key) });
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
}

/** Asserts that work ends with an error of one of these codes that has a sentence for people. */
export async function fails(work: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isError(error)) throw error;
    assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(' or ')}: ${error.message}`);
    assert.ok(error.message.length > 10 && !/undefined|\[object/.test(error.message), error.message);
    return;
  }
  assert.fail(`no error where ${codes.join(' or ')} was due`);
}

export async function missing(store: Store, key: string): Promise<void> {
  await fails(store.head(key), 'NOT_FOUND');
}

export const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex');

/** Bytes that are the same each time and do not repeat every few kilobytes. */
export function patterned(size: number, seed = 1): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A stream of these bytes in odd pieces. */
export function streamOf(bytes: Uint8Array, piece = 7001): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    })(),
    { objectMode: false },
  );
}

/** A stream of these bytes that something happens to on their way. */
export function through(
  bytes: Uint8Array,
  step: (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>,
): Readable {
  return Readable.from(step(streamOf(bytes)), { objectMode: false });
}
