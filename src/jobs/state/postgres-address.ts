import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { SluiceError } from '../../base/errors.ts';

/** A PostgreSQL address, taken apart. What it leaves out comes from PGHOST, PGUSER, PGPASSWORD, ~/.pgpass and so on. */
export interface PostgresAddress {
  host?: string;
  port?: number;
  user?: string;
  password?: string;
  database?: string;
  /** False: no TLS. */
  ssl: false | ConnectionOptions;
  /** The schema that the tables lie in. */
  schema: string;
  /** Settings of the session, as of libpq. */
  options?: string;
  /** Without password and parameters, for people. */
  name: string;
}

const PARAMETERS = 'host, port, user, password, sslmode, sslrootcert, sslcert, sslkey, options, schema';
const MODES = 'disable, require, verify-ca, verify-full';

/**
 * Reads an address as libpq does (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1), with one
 * parameter of our own, `schema`, which is `sluice` when not given.
 * @throws SluiceError BAD_CONFIG, which never quotes the address, as it holds a password
 */
export function parseAddress(text: string): PostgresAddress {
  // postgres:///database has no host, which URL takes from these two only with one.
  const [, user, hostPort, path = '', query = ''] =
    /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(text) ?? [];
  if (hostPort === undefined) throw bad('is not like postgres://user:password@host:5432/database');
  const parameters = new Map(new URLSearchParams(query));
  const take = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value || undefined;
  };
  const [, inUrl = '', portInUrl] = /^(\[[0-9a-f:.]+\]|[^:,]*)(?::(\d+))?$/i.exec(hostPort) ?? [
    undefined,
    undefined,
  ];
  if (hostPort !== '' && inUrl === '') throw bad('must name one host, and a port that is a number');
  const host = decoded(inUrl.replace(/^\[|\]$/g, '')) || take('host');
  const port = portInUrl ?? take('port');
  const colon = user?.indexOf(':') ?? -1;
  const name = take('user') ?? (user && decoded(colon < 0 ? user : user.slice(0, colon)));
  const password = take('password') ?? (colon < 0 ? undefined : decoded(user!.slice(colon + 1)));
  const database = decoded(path) || undefined;
  const schema = take('schema') ?? 'sluice';
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw bad('has a schema that is not of small letters, digits and _');
  }
  const options = take('options');
  const ssl = tlsOf(take, host);
  for (const unknown of parameters.keys()) {
    if (unknown === 'application_name' || unknown === 'connect_timeout') continue;
    throw bad(`has a parameter that is not known here: ${unknown} (there are: ${PARAMETERS})`);
  }
  return {
    ...(host ? { host } : {}),
    ...(port ? { port: Number(port) } : {}),
    ...(name ? { user: name } : {}),
    ...(password ? { password } : {}),
    ...(database ? { database } : {}),
    ...(options ? { options } : {}),
    ssl,
    schema,
    name: `postgres://${name ? `${name}@` : ''}${host ?? ''}${port ? `:${port}` : ''}/${database ?? ''}`,
  };
}

/** As libpq does, `require` asks for TLS and looks at no certificate, unless an authority is named. */
function tlsOf(take: (name: string) => string | undefined, host: string | undefined): PostgresAddress['ssl'] {
  const mode = take('sslmode') ?? 'disable';
  const [ca, cert, key] = [take('sslrootcert'), take('sslcert'), take('sslkey')].map(
    (path) => path && readPem(path),
  );
  const common = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
  const named = host === undefined || host.startsWith('/') ? {} : { servername: host };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      if (!ca) return { ...common, rejectUnauthorized: false };
      return { ...common, checkServerIdentity: () => undefined };
    case 'verify-ca':
      return { ...common, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...common, ...(/^[\d.:]+$/.test(host ?? '') ? {} : named) };
    default:
      throw bad(`has an sslmode that is not one of ${MODES}`);
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SluiceError('BAD_CONFIG', `The file ${path} of the state's address can't be read.`, {
      cause: error,
    });
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('has a % that begins no escape; write %25');
  }
}

const bad = (why: string): SluiceError =>
  new SluiceError('BAD_CONFIG', `The address of the state (--state, $SLUICE_STATE) ${why}.`);
