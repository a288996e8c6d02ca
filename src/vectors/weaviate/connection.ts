import type { Connection, Connections } from '../../base/connections.ts';
import { SluiceError } from '../../base/errors.ts';
import { SettingReader } from '../../stores/setting-reader.ts';
import type { OidcCredentials } from './sign-in.ts';

/** Where a Weaviate is and how to sign in. */
export interface WeaviateConnection {
  /** http(s)://host:port, without a slash at its end. */
  url: string;
  /** host:port */
  grpc: string;
  grpcSecure: boolean;
  /** The bearer token of every call: an API key, or an OIDC token. Secret. */
  token?: string;
  /** How to get tokens, and new ones when they run out. */
  oidc?: OidcCredentials;
  /** More headers, such as keys of model providers. Secret. */
  headers: Record<string, string>;
}

const KNOWN = [
  'url',
  'grpc',
  'api_key',
  'bearer_token',
  'headers',
  'refresh_token',
  'client_id',
  'client_secret',
  'scope',
];

/**
 * Reads a connection of type weaviate: `url`, `grpc` (host:port, may begin with grpc:// or grpcs://),
 * `api_key` or `bearer_token`, `headers`; `refresh_token` or `client_id` and `client_secret` (and `scope`) to
 * get OIDC tokens with. Without `grpc` it is port 50051 of the same host, or the gRPC
 * host of Weaviate Cloud.
 * @throws SluiceError BAD_CONFIG
 */
export function parseWeaviateConnection(connection: Connection): WeaviateConnection {
  const bad = (what: string): SluiceError =>
    new SluiceError('BAD_CONFIG', `Connection "${connection.name}" ${what}`);
  const text = (name: string): string | undefined => {
    const value = connection[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') throw bad(`has a ${name} that is not a text.`);
    return value;
  };
  if (connection.type !== 'weaviate') throw bad(`is of type ${connection.type}; weaviate is needed here.`);
  new SettingReader(connection.name, connection).known(KNOWN, 'Weaviate');
  const url = text('url');
  if (url === undefined) throw bad('has no url, such as http://localhost:8080.');
  const parsed = parseUrl(url);
  const { headers = {} } = connection;
  if (typeof headers !== 'object' || headers === null) throw bad('has headers that are not a map of texts.');
  const token = text('api_key') ?? text('bearer_token');
  const refreshToken = text('refresh_token');
  const [clientId, clientSecret, scope] = [text('client_id'), text('client_secret'), text('scope')];
  const renews = refreshToken !== undefined || clientSecret !== undefined;
  if (renews && text('api_key') !== undefined)
    throw bad('has an api_key and OIDC credentials; leave one out.');
  if (clientSecret !== undefined && refreshToken === undefined && clientId === undefined) {
    throw bad('has a client_secret and no client_id.');
  }
  return {
    ...(renews
      ? {
          oidc: {
            ...(refreshToken === undefined ? {} : { refreshToken }),
            ...(clientId === undefined ? {} : { clientId }),
            ...(clientSecret === undefined ? {} : { clientSecret }),
            ...(scope === undefined ? {} : { scope }),
          },
        }
      : {}),
    url: parsed.href.replace(/\/+$/, '').replace(/\/v1$/, ''),
    ...grpcAddress(parsed, text('grpc')),
    ...(token === undefined ? {} : { token }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  };
}

/**
 * The Weaviate that a spec means: a connection's name, or a URL, which `use` may give a connection; else
 * the environment's WEAVIATE_GRPC and WEAVIATE_API_KEY go with it. `grpc` beats all others.
 * @throws SluiceError BAD_CONFIG, BAD_URI, NOT_FOUND
 */
export function resolveWeaviate(
  nameOrUrl: string,
  connections: Connections,
  options: { grpc?: string | undefined; env?: Record<string, string | undefined> } = {},
): WeaviateConnection {
  const { grpc, env = process.env } = options;
  const withGrpc = (connection: Connection): WeaviateConnection =>
    parseWeaviateConnection(grpc === undefined ? connection : { ...connection, grpc });
  if (!/^https?:\/\//i.test(nameOrUrl)) {
    if (/^[\w.-]+:\d+$/.test(nameOrUrl)) throw badUrl(nameOrUrl);
    return withGrpc(connections.named(nameOrUrl));
  }
  const connection = connections.forUri(nameOrUrl);
  if (connection) return withGrpc(connection);
  return withGrpc({
    name: nameOrUrl,
    type: 'weaviate',
    url: nameOrUrl,
    grpc: env.WEAVIATE_GRPC,
    api_key: env.WEAVIATE_API_KEY,
  });
}

function grpcAddress(url: URL, grpc: string | undefined): { grpc: string; grpcSecure: boolean } {
  const secure = url.protocol === 'https:';
  if (grpc !== undefined) {
    const match = /^(?:(grpcs?|https?):\/\/)?([^/]+?)\/*$/.exec(grpc);
    if (!match) throw badUrl(grpc);
    const ownSecure = match[1] === undefined ? secure : match[1] === 'grpcs' || match[1] === 'https';
    const host = match[2]!;
    return { grpc: /:\d+$/.test(host) ? host : `${host}:${ownSecure ? 443 : 50051}`, grpcSecure: ownSecure };
  }
  const host = url.hostname;
  if (/\.weaviate\.network$/.test(host)) {
    const [id, ...rest] = host.split('.');
    return { grpc: `${id}.grpc.${rest.join('.')}:443`, grpcSecure: true };
  }
  if (/\.weaviate\.(cloud|io)$|\.semi\.technology$/.test(host)) {
    return { grpc: `grpc-${host}:443`, grpcSecure: true };
  }
  return { grpc: `${host}:50051`, grpcSecure: secure };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== '') throw badUrl(url);
  return parsed;
}

function badUrl(url: string): SluiceError {
  const shown = url.replace(/\/\/[^/@]*@/, '//');
  return new SluiceError(
    'BAD_URI',
    `${shown} is not the address of a Weaviate; write it as http://host:port (credentials go into WEAVIATE_API_KEY or a connection).`,
  );
}
