import type { Logger } from 'pino';
import type { GatewayClient } from '../router/mapping.ts';
import type { Buckets } from './call.ts';
import type { GatewayMetrics } from './metrics.ts';

/** An address to listen on, and the URI scheme that its clients mean. */
export interface Listen {
  scheme: string;
  host: string;
  /** 0: any that is free. */
  port: number;
}

/** What one process takes at most. */
export interface Limits {
  /** Requests at once; more are told to slow down. */
  requests: number;
  /** Connections at once; more are not accepted. */
  connections: number;
  /** Bytes of a request's headers. */
  headerBytes: number;
  /** Milliseconds a client may take for its headers. */
  headerTime: number;
  /** Milliseconds a client may send or take nothing in the middle of a body. */
  idleTime: number;
}

export const DEFAULT_LIMITS: Limits = {
  requests: 1000,
  connections: 10_000,
  headerBytes: 32 * 1024,
  headerTime: 20_000,
  idleTime: 60_000,
};

export interface GatewayOptions {
  listen: readonly Listen[];
  /** A Router, or anything else that has Stores by name. */
  buckets: Buckets;
  /** Who may use the gateway; there must be one. */
  clients: readonly GatewayClient[];
  /** Buckets whose scheme is not that of the listener. */
  schemes?: Readonly<Record<string, string>>;
  /** Names of the gateway for virtual-host style: `bucket.<domain>`. */
  domains?: readonly string[];
  /** What GetBucketLocation says; us-east-1. */
  region?: string;
  /** What upload ids and continuation tokens are signed with; without it a key is derived from the clients' keys. */
  tokenSecret?: string;
  /** PEM. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  limits?: Partial<Limits>;
  /** One line a request. */
  accessLog?: Logger;
  metrics?: GatewayMetrics;
  /** A short name of where an object lies, for metrics. */
  targetOf?: (scheme: string, bucket: string, key: string) => string;
}

/** Reads `scheme=host:port`, `host:port`, `:port` or `port`. @returns undefined for other text */
export function parseListen(text: string, scheme = 's3a'): Listen | undefined {
  const match = /^(?:([a-z][a-z0-9+.-]*)=)?(?:(\[[0-9a-f:.]+\]|[^:[\]]*):)?(\d{1,5})$/i.exec(text.trim());
  if (!match || Number(match[3]) > 65_535) return undefined;
  return {
    scheme: match[1]?.toLowerCase() ?? scheme,
    host: match[2]?.replace(/[[\]]/g, '') || '127.0.0.1',
    port: Number(match[3]),
  };
}
