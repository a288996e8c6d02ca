import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { send } from './http.ts';

/** Something that goes wrong with requests that match. */
export interface Fault {
  method?: string;
  /** Against the path with its query, as it was sent. */
  path?: RegExp;
  /** How many requests it meets; all of them when absent. */
  times?: number;
  /** Answers this instead … */
  status?: number;
  /** … with this message, */
  message?: string;
  /** and asks to wait for so many seconds. */
  retryAfter?: number;
  /** Waits so many milliseconds first. */
  delay?: number;
  /** Waits for this first. */
  wait?: () => Promise<unknown>;
  /** Ends the connection without an answer. */
  cut?: boolean;
}

/** Faults that were asked for, in the order they are tried. */
export class Faults {
  readonly #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  clear(): void {
    this.#faults.length = 0;
  }

  /** @returns whether the request was answered, or cut */
  async meet(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const fault = this.#faults.find(
      ({ method, path, times = 1 }) =>
        times > 0 &&
        (method === undefined || method === request.method) &&
        (path === undefined || path.test(request.url ?? '')),
    );
    if (!fault) return false;
    if (fault.times !== undefined) fault.times--;
    if (fault.delay !== undefined) await pause(fault.delay, response);
    await fault.wait?.();
    if (fault.cut) {
      request.socket.destroy();
      return true;
    }
    if (fault.status === undefined) return false;
    request.resume();
    const headers: Record<string, string> =
      fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
    const json = { message: fault.message ?? 'a fault that was asked for' };
    send(response, { status: fault.status, headers, json }, request.method === 'HEAD');
    return true;
  }
}

/** Waits so many milliseconds, or until nobody is there any more who waits for the answer. */
async function pause(delay: number, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await sleep(delay, undefined, { signal: gone.signal }).catch(() => undefined);
}
