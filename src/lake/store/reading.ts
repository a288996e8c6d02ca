import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../base/errors.ts';
import { StoreError } from '../../stores/errors.ts';
import { cancelable } from '../../stores/read.ts';
import { DEFAULT_RETRY, delayBefore, networkFailure } from '../../stores/retry.ts';

/** The bytes to read of one object; both ends included. */
export interface Span {
  start: number;
  end: number;
}

/**
 * A body that goes on by itself where the connection breaks.
 * @param open begins to read at a byte; the bytes must be of the same object every time
 * @param first what `open(span.start)` gave
 */
export function steadyBody(
  open: (start: number) => Promise<Readable>,
  first: Readable,
  span: Span,
  at: { store: string; key: string },
  signal?: AbortSignal,
): Readable {
  const source: Source = { open, body: first };
  const stream = Readable.from(chunks(source, span, at, signal), { objectMode: false });
  // Left before its end, or before it was begun: the socket must not wait for a reader that is gone.
  stream.once('close', () => source.body?.destroy());
  return cancelable(stream, at.store, signal);
}

interface Source {
  open(start: number): Promise<Readable>;
  body: Readable | undefined;
}

async function* chunks(
  source: Source,
  { start, end }: Span,
  at: { store: string; key: string },
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let next = start;
  let failures = 0;
  let began = performance.now();
  for (;;) {
    try {
      source.body ??= await source.open(next);
      for await (const chunk of source.body as AsyncIterable<Buffer>) {
        next += chunk.length;
        if (next > end + 1) throw wrongLength(at, 'more', end - start + 1, false);
        failures = 0;
        began = performance.now();
        yield chunk;
      }
      if (next === end + 1) return;
      throw wrongLength(at, String(next - start), end - start + 1, true);
    } catch (error) {
      source.body?.destroy();
      source.body = undefined;
      // The stream was destroyed by the signal, and tells so itself.
      if (signal?.aborted) return;
      const failure = failureOf(error, at);
      const delay = delayBefore(failure, ++failures, performance.now() - began, DEFAULT_RETRY, signal);
      if (delay === undefined) throw failure;
      await sleep(delay, undefined, { signal }).catch(() => {});
    }
  }
}

function failureOf(error: unknown, at: { store: string; key: string }): unknown {
  if (error instanceof SluiceError) return error;
  const code = networkFailure(error) ?? (isAborted(error) ? 'CONNECTION' : undefined);
  if (!code) return error;
  const why = code === 'TIMEOUT' ? 'no bytes came for too long' : 'the connection broke';
  return new StoreError(code, `Reading ${at.key} of ${at.store} stopped: ${why}.`, { ...at, cause: error });
}

/** The other side ended the body in its middle. */
function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.message === 'terminated' || error.name === 'AbortError');
}

function wrongLength(
  at: { store: string; key: string },
  came: string,
  due: number,
  retryable: boolean,
): StoreError {
  return new StoreError('CORRUPT', `${came} bytes of ${at.key} came from ${at.store} where ${due} are due.`, {
    ...at,
    retryable,
  });
}
