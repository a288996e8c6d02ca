import { SluiceError } from '../base/errors.ts';
import { DEFAULT_LIMITS, type Limits, type Listen, parseListen } from './options.ts';

/** The settings of sluice.yaml's `gateway` that are not the router's (mappings, default, clients). */
export interface GatewaySection {
  /** One address, whose scheme is s3a; `listeners` replaces it. */
  listen?: string;
  /** Scheme → address. */
  listeners?: unknown;
  /** Bucket → scheme, for buckets whose scheme is not that of the listener. */
  schemes?: unknown;
  /** The gateway's own names, for virtual-host style. */
  domains?: unknown;
  region?: unknown;
  /** What upload ids and continuation tokens are signed with. */
  token_secret?: unknown;
  /** Files, PEM. */
  tls?: unknown;
  workers?: unknown;
  /** Address of /health and /metrics. */
  metrics?: unknown;
  access_log?: unknown;
  limits?: unknown;
}

/** The same, checked. */
export interface ServerSettings {
  listen: Listen[];
  schemes: Record<string, string>;
  domains: string[];
  region: string | undefined;
  tokenSecret: string | undefined;
  tls: { cert: string; key: string } | undefined;
  workers: number;
  metrics: string | undefined;
  accessLog: boolean;
  limits: Partial<Limits>;
}

const LIMITS: Record<string, keyof Limits> = {
  requests: 'requests',
  connections: 'connections',
  header_bytes: 'headerBytes',
  header_ms: 'headerTime',
  idle_ms: 'idleTime',
};

/** @throws SluiceError BAD_CONFIG, naming the setting */
export function serverSettings(section: GatewaySection): ServerSettings {
  const addresses = Object.entries(texts(section.listeners, 'listeners'));
  const listen =
    addresses.length > 0
      ? addresses.map(([scheme, address]) => listenOf(`${scheme}=${address}`, `gateway.listeners.${scheme}`))
      : [listenOf(section.listen ?? '127.0.0.1:9090', 'gateway.listen')];
  const tls = texts(section.tls, 'tls');
  if (section.tls !== undefined && (!tls.cert || !tls.key)) {
    throw bad('tls', 'needs cert and key, the paths of PEM files');
  }
  const domains = section.domains ?? [];
  if (!Array.isArray(domains) || domains.some((each) => typeof each !== 'string')) {
    throw bad('domains', 'must be a list of names');
  }
  return {
    listen,
    schemes: texts(section.schemes, 'schemes'),
    domains,
    region: text(section.region, 'region'),
    tokenSecret: text(section.token_secret, 'token_secret'),
    tls: tls.cert && tls.key ? { cert: tls.cert, key: tls.key } : undefined,
    workers: section.workers === undefined ? 1 : count(section.workers, 'workers'),
    metrics: text(section.metrics, 'metrics'),
    accessLog: section.access_log === undefined || section.access_log === true,
    limits: limitsOf(section.limits),
  };
}

/** @throws SluiceError BAD_CONFIG */
export function listenOf(address: string, origin: string): Listen {
  const listen = parseListen(address);
  if (listen) return listen;
  throw new SluiceError(
    'BAD_CONFIG',
    `${origin} must be an address such as 127.0.0.1:9090, :9090 or s3a=:9090, and is "${address}".`,
  );
}

function limitsOf(value: unknown): Partial<Limits> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw bad('limits', 'must be names with numbers');
  const limits: Partial<Limits> = {};
  for (const [name, given] of Object.entries(value)) {
    const limit = LIMITS[name];
    if (!limit) throw bad(`limits.${name}`, `is not known (known: ${Object.keys(LIMITS).join(', ')})`);
    limits[limit] = count(given, `limits.${name}`);
  }
  if ((limits.headerBytes ?? DEFAULT_LIMITS.headerBytes) < 4096)
    throw bad('limits.header_bytes', 'must be at least 4096');
  return limits;
}

function text(value: unknown, name: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw bad(name, 'must be text');
}

function texts(value: unknown, name: string): Record<string, string> {
  if (value === undefined) return {};
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0 || entries.some(([, each]) => typeof each !== 'string')) {
    throw bad(name, 'must be names with texts');
  }
  return Object.fromEntries(entries);
}

function count(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw bad(name, 'must be a whole number from 1');
}

const bad = (name: string, what: string): SluiceError =>
  new SluiceError('BAD_CONFIG', `gateway.${name} ${what}.`);
