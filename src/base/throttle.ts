import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Keeps the bytes that pass under a rate, over everything that shares it; half a second may go at once. */
export class Throttle {
  readonly bytesPerSecond: number;
  #readyAt = 0;

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Waits until so many bytes may pass. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#readyAt = Math.max(this.#readyAt, now - 500) + (bytes / this.bytesPerSecond) * 1000;
    const wait = this.#readyAt - now;
    if (wait > 0) await sleep(wait, undefined, { signal });
  }

  /** A stream that lets bytes through at the rate. */
  stream(signal?: AbortSignal): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.take(chunk.length, signal).then(() => done(null, chunk), done);
      },
    });
  }
}

/**
 * Reads `512k`, `10M`, `1.5G`, `800` as bytes (powers of 1024, an ending `B`, `iB` or `/s` is allowed).
 * @returns undefined for a text that is none
 */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?(?:\/s)?\s*$/i.exec(text);
  if (!match) return undefined;
  const power = ' kmgtp'.indexOf(match[2]!.toLowerCase() || ' ');
  return Math.round(Number(match[1]) * 1024 ** power);
}
