import { isError } from '../base/errors.ts';
import { StoreError } from './errors.ts';

/** The longest key that every object store takes, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** @throws StoreError BAD_KEY for a key that is empty, too long, or no Unicode text */
export function checkKey(store: { name: string }, key: string): void {
  if (key === '') {
    throw new StoreError('BAD_KEY', `An object in ${store.name} needs a key, and this one is empty.`, {
      store: store.name,
    });
  }
  if (key.length > MAX_KEY_BYTES / 3 && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new StoreError(
      'BAD_KEY',
      `The key ${key.slice(0, 60)}… is ${Buffer.byteLength(key)} bytes long; ${store.name} takes ${MAX_KEY_BYTES}.`,
      { store: store.name, key },
    );
  }
  if (!key.isWellFormed()) {
    throw new StoreError('BAD_KEY', `The key ${JSON.stringify(key)} is not valid Unicode text.`, {
      store: store.name,
      key,
    });
  }
}

/** @throws StoreError CANCELED when the signal says so */
export function checkSignal(store: { name: string }, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(store.name, signal);
}

/** What a method that its signal stopped throws. */
export function canceled(store: string, signal?: AbortSignal): StoreError {
  const reason: unknown = signal?.reason;
  return new StoreError('CANCELED', isError(reason) ? reason.message : `The work in ${store} was canceled.`, {
    store,
    cause: reason,
  });
}

/** What a Store throws that was asked for something its `capabilities` deny. */
export function unsupported(store: { name: string }, what: string, key?: string): StoreError {
  return new StoreError('UNSUPPORTED', `${store.name} cannot ${what}.`, { store: store.name, key });
}
