import type { Connections } from '../base/connections.ts';
import type { Limiter } from '../base/limiter.ts';
import type { Throttle } from '../base/throttle.ts';
import type { OpenStore } from '../stores/open.ts';
import type { RetryPolicy } from '../stores/retry.ts';
import type { Log } from './kind.ts';
import type { Kinds } from './registry.ts';

/** What every Engine gets from the program around it and hands on to the kinds. */
export interface Environment {
  kinds: Kinds;
  open: OpenStore;
  connections: Connections;
  /** One limit on concurrent object operations over all parts of all jobs in this process. */
  slots: Limiter;
  /** The limit on bytes that pass through this process, when one is set. */
  throttle?: Throttle;
  log: Log;
}

/** How a failed part (or plan, or finish) is tried again, however long its tries take. */
export const DEFAULT_PART_RETRY: RetryPolicy = {
  attempts: 4,
  baseDelay: 2000,
  maxDelay: 60_000,
  deadline: Number.POSITIVE_INFINITY,
};
