import type { Connection } from '../base/connections.ts';
import type { Json } from '../base/json.ts';
import { LOG_LEVELS, type LogLevel } from './levels.ts';
import {
  any,
  count,
  flag,
  list,
  map,
  object,
  oneOf,
  openObject,
  type Shape,
  secret,
  size,
  text,
} from './shape.ts';

/** Everything that can be configured, by the names of sluice.yaml; what was not said has its default or is absent. */
export interface Settings {
  /** The folder of the state, or the postgres:// address of a database that several processes share. */
  state: string;
  engine: 'local' | 'temporal';
  /** Object operations at once in this process. */
  concurrency: number;
  /** Parts of one job at once. */
  parts_at_once: number;
  /** Jobs at once in this process. */
  jobs_at_once: number;
  /** Bytes per second through this process. */
  bandwidth?: number;
  log_level: LogLevel;
  /** How long, and how many, jobs that have ended are remembered; without it, all are. */
  history?: { days?: number; jobs?: number };
  connections: Connection[];
  /** URI prefix → connection. */
  use: Record<string, string>;
  temporal: TemporalSettings;
  service: ServiceSettings;
  export: ExportSettings;
  gateway: GatewaySettings;
  tables: TableSettings[];
  schedules: ScheduleSettings[];
}

export interface TemporalSettings {
  /** host:port of the frontend; 127.0.0.1:7233 when absent. */
  address?: string;
  namespace?: string;
  /** Jobs of one queue are seen and worked on by those who name it. */
  task_queue?: string;
  api_key?: string;
  tls?: boolean;
  /** Files, for TLS. */
  tls_ca?: string;
  tls_cert?: string;
  tls_key?: string;
  tls_server_name?: string;
  /** A process that starts jobs also works on them; else `sluice worker` does. */
  work?: boolean;
}

export interface ServiceSettings {
  /** host:port */
  listen: string;
  auth: 'none' | 'keys' | 'oidc';
  /** The connection behind the vector export API. */
  weaviate?: string;
  /** Who decides about exports of callers without a key of Sluice. */
  export_auth?: 'weaviate' | 'roles';
  export_layout?: 'typed' | 'weaviate';
  oidc?: { issuer: string; audience: string; claim?: string; roles?: Record<string, string[]> };
  /** What a webhook of lakeFS must show. */
  hook_secret?: string;
  /** Requests a minute of one caller. */
  rate_limit?: number;
  /** Names under which it is called, beside those of loopback (with `auth: none`). */
  hosts?: string[];
  /** Prefixes of URIs and names of connections that jobs may name. */
  allow?: { sources?: string[]; destinations?: string[] };
  /** Who hears of failures and recoveries. */
  notify?: {
    type: 'webhook' | 'slack';
    url: string;
    /** Only jobs of these kinds, and only these events; all when left out. */
    kinds?: string[];
    events?: ('failure' | 'recovery')[];
  }[];
  /** Runs the gateway in the same process. */
  gateway?: boolean;
  [more: string]: unknown;
}

/** Where `POST /v1/export/{backend}` writes. */
export interface ExportSettings {
  s3?: { connection?: string; bucket: string; path?: string };
  gcs?: { connection?: string; bucket: string; path?: string };
  azure?: { connection?: string; container: string; path?: string };
  filesystem?: { path: string };
}

export interface GatewaySettings {
  listen: string;
  clients: {
    name: string;
    access_key: string;
    secret_key: string;
    allow: { prefix: string; rights: string }[];
  }[];
  mappings: { scheme?: string; replace: string; with: string; connection?: string }[];
  /** Scheme → connection. */
  default: Record<string, string>;
  [more: string]: unknown;
}

export interface TableSettings {
  repository: string;
  branches?: string[];
  table_defs?: string[];
  method?: string;
  catalog?: { connection: string; name?: string };
  target_base_location?: string;
  [more: string]: unknown;
}

export interface ScheduleSettings {
  name: string;
  cron?: string;
  timezone?: string;
  enabled?: boolean;
  /** Seconds; each run starts up to so much later. */
  jitter?: number;
  /** What becomes of runs that were due while nothing ran: none, or one for all. */
  catch_up?: 'skip' | 'once';
  /** Runs when a branch has moved: looked at every `poll` seconds, and told by webhooks. */
  on?: { repository: string; branch: string; poll?: number };
  /** Which of its exports are kept; all of them when it says nothing. */
  keep?: { last?: number; hourly?: number; daily?: number; weekly?: number; monthly?: number };
  job: { kind: string; spec: Json };
  [more: string]: unknown;
}

export const CONNECTION_TYPES = [
  ...['s3', 'gcs', 'azure', 'file', 'memory', 'lakefs', 'weaviate', 'databricks', 'unity'],
];

const listen: Shape = {
  type: 'text',
  check: (address) =>
    /^(\[[0-9a-f:.]+\]|[^:\s]*):\d{1,5}$/i.test(address)
      ? undefined
      : 'must be an address and a port, such as 127.0.0.1:7070',
};

const bucket = object({ connection: text, bucket: text, path: text }, 'bucket');

export const scheduleShape = openObject(
  {
    name: text,
    cron: text,
    timezone: text,
    enabled: flag,
    jitter: count,
    catch_up: oneOf('skip', 'once'),
    on: object({ repository: text, branch: text, poll: count }, 'repository', 'branch'),
    keep: object({ last: count, hourly: count, daily: count, weekly: count, monthly: count }),
    job: object({ kind: text, spec: any }, 'kind', 'spec'),
  },
  'name',
  'job',
);

export const settingsShape = object({
  state: text,
  engine: oneOf('local', 'temporal'),
  concurrency: count,
  parts_at_once: count,
  jobs_at_once: count,
  bandwidth: size,
  log_level: oneOf(...LOG_LEVELS),
  history: object({ days: count, jobs: count }),
  connections: map(openObject({ type: oneOf(...CONNECTION_TYPES) }, 'type')),
  use: map(text),
  temporal: object({
    ...{ address: text, namespace: text, task_queue: text, api_key: secret, work: flag },
    ...{ tls: flag, tls_ca: text, tls_cert: text, tls_key: text, tls_server_name: text },
  }),
  service: openObject({
    listen,
    auth: oneOf('none', 'keys', 'oidc'),
    weaviate: text,
    export_auth: oneOf('weaviate', 'roles'),
    export_layout: oneOf('typed', 'weaviate'),
    oidc: object({ issuer: text, audience: text, claim: text, roles: map(list(text)) }, 'issuer', 'audience'),
    hook_secret: secret,
    rate_limit: count,
    hosts: list(text),
    allow: object({ sources: list(text), destinations: list(text) }),
    notify: list(
      object(
        {
          type: oneOf('webhook', 'slack'),
          url: secret,
          kinds: list(text),
          events: list(oneOf('failure', 'recovery')),
        },
        'type',
        'url',
      ),
    ),
    gateway: flag,
  }),
  export: object({
    s3: bucket,
    gcs: bucket,
    azure: object({ connection: text, container: text, path: text }, 'container'),
    filesystem: object({ path: text }, 'path'),
  }),
  gateway: openObject({
    listen,
    clients: list(
      object(
        {
          name: text,
          access_key: text,
          secret_key: secret,
          allow: list(object({ prefix: text, rights: text }, 'prefix', 'rights')),
        },
        'name',
        'access_key',
        'secret_key',
      ),
    ),
    mappings: list(object({ scheme: text, replace: text, with: text, connection: text }, 'replace', 'with')),
    default: map(text),
    listeners: map(text),
    schemes: map(text),
    domains: list(text),
    region: text,
    token_secret: secret,
    tls: object({ cert: text, key: text }, 'cert', 'key'),
    workers: count,
    metrics: text,
    access_log: flag,
    limits: map(count),
  }),
  tables: list(
    openObject(
      {
        repository: text,
        branches: list(text),
        table_defs: list(text),
        method: text,
        catalog: openObject({ connection: text, name: text }, 'connection'),
        target_base_location: text,
      },
      'repository',
    ),
  ),
  schedules: list(scheduleShape),
});

/** What holds where nobody said anything. The state folder depends on the user: see load.ts. */
export const defaults = {
  engine: 'local',
  concurrency: 64,
  parts_at_once: 8,
  jobs_at_once: 8,
  log_level: 'warn',
  service: { listen: '127.0.0.1:7070', auth: 'none' },
  gateway: { listen: '127.0.0.1:9090' },
} as const;
