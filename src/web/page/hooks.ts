import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { type Address, parseAddress } from './address.ts';
import { live } from './live.ts';
import type { JobEvent } from './types.ts';

/** Renders again whenever the live jobs change. */
export function useLive(): typeof live {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => live.onChange(() => render(undefined)), []);
  return live;
}

/** Calls the newest `listener` with every event. */
export function useEvents(listener: (event: JobEvent) => void): void {
  const newest = useRef(listener);
  newest.current = listener;
  useEffect(() => live.onEvent((event) => newest.current(event)), []);
}

export function useAddress(): Address {
  const [address, setAddress] = useState(() => parseAddress(location.hash));
  useEffect(() => {
    const moved = (): void => setAddress(parseAddress(location.hash));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return address;
}

export interface Loaded<T> {
  value: T | undefined;
  error: Error | undefined;
  /** Loads again; what is there stays until then. */
  reload: () => void;
}

/** Loads when `key` changes and when asked; answers that come too late are dropped. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: Error }>({ key });
  const newest = useRef(load);
  newest.current = load;
  const count = useRef(0);
  const reload = useCallback(() => {
    const mine = ++count.current;
    newest.current().then(
      (value) => {
        if (mine === count.current) setState({ key, value });
      },
      (error: Error) => {
        if (mine === count.current) setState((before) => ({ ...before, key, error }));
      },
    );
  }, [key]);
  // An effect would wait for the first paint, and the answer with it.
  useLayoutEffect(reload, [reload]);
  const current = state.key === key;
  return { value: state.value, error: current ? state.error : undefined, reload };
}

/** A time that moves on, for "5m ago". @returns milliseconds since 1970 */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Calls `work` at most once in `everyMs`, the last time after the last call. */
export function useThrottled(work: () => void, everyMs: number): () => void {
  const newest = useRef(work);
  newest.current = work;
  const timer = useRef<number>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      newest.current();
    }, everyMs);
  }, [everyMs]);
}
