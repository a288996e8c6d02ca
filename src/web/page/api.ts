import type { Json } from '../../base/json.ts';
import { EventParser, type ServerEvent } from './sse.ts';

const KEY = 'sluice-key';

/** The service refused, or cannot be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let onSignInNeeded: (why: string) => void = () => {};

/** @param listener told when the service does not know who calls */
export function whenSignInNeeded(listener: (why: string) => void): void {
  onSignInNeeded = listener;
}

export function signedIn(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

/** The key stays in this tab until it is closed. */
export function signInWith(key: string): void {
  sessionStorage.setItem(KEY, key);
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
}

/** @throws ApiError */
export async function get<T>(
  path: string,
  query: Record<string, string | number | undefined> = {},
): Promise<T> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const response = await call('GET', search.size > 0 ? `${path}?${search}` : path);
  return (await response.json()) as T;
}

/** @throws ApiError */
export async function post<T>(path: string, body?: Json): Promise<T> {
  const response = await call('POST', path, body);
  return (await response.json().catch(() => undefined)) as T;
}

/** @throws ApiError */
export async function put<T>(path: string, body: Json): Promise<T> {
  return (await (await call('PUT', path, body)).json()) as T;
}

/** @throws ApiError */
export async function remove(path: string): Promise<void> {
  await call('DELETE', path);
}

/** Events until the stream ends or the signal. @throws ApiError */
export async function* listen(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await call('GET', path, undefined, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function call(method: string, path: string, body?: Json, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  const key = sessionStorage.getItem(KEY);
  if (key !== null) headers.authorization = `Bearer ${key}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method, headers, cache: 'no-store' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'UNREACHABLE', 'The service cannot be reached. Is it running?');
  }
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as
    | { error?: { code?: string; message?: string } }
    | undefined;
  const message = answer?.error?.message ?? `The service answered ${response.status}.`;
  if (response.status === 401) onSignInNeeded(key === null ? '' : message);
  throw new ApiError(response.status, answer?.error?.code ?? 'UNKNOWN', message);
}
