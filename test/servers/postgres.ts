/** A PostgreSQL cluster of its own on 127.0.0.1, from the system's package, that can go down and come back. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePorts, launch, type Running } from './process.ts';

export interface PostgresServer extends Running {
  port: number;
  /** The certificate that it shows, and that signed itself; for localhost. */
  certificate: string;
  /** An address of a state of its own, each time another one. */
  state(parameters?: string): string;
  /** Does something as the administrator. */
  sql(statement: string, ...values: unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends it at once, as a crash does; it stays away until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** One that an address has to write with escapes. */
export const PASSWORD = 'pass:wörd/50%?@#';

/** Starts the server again whenever it ends, unless the file `down` is there. */
const SUPERVISOR = `
trap 'kill -INT "$server" 2>/dev/null; wait "$server"; exit 0' TERM
while :; do
  "$@" & server=$!
  echo "$server" > server.pid
  wait "$server"
  while [ -e down ]; do sleep 0.1; done
done`;

function programs(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(root, version, 'bin'))
    .find((bin) => existsSync(`${bin}/initdb`));
  if (found) return found;
  throw new Error('There is no PostgreSQL here: apt-get install postgresql');
}

export async function startPostgres(): Promise<PostgresServer> {
  const bin = programs();
  const [port] = (await freePorts(1)) as [number];
  // It refuses to be run by root.
  const idOf = (kind: string): number => Number(execFileSync('id', [kind, 'postgres']).toString());
  const other = process.getuid!() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;
  const connect = async <T>(work: (client: pg.Client) => Promise<T>, database = 'postgres'): Promise<T> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'admin', database });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const ready = (): Promise<boolean> => connect(async () => true);
  const settings = Object.entries({
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    shared_buffers: '32MB',
    // Nothing here outlives the machine.
    fsync: 'off',
    ssl: 'on',
  });
  let certificate = '';
  const running = await launch({
    name: 'postgres',
    command: '/bin/sh',
    prepare(folder) {
      const cluster = join(folder, 'cluster');
      chmodSync(dirname(folder), 0o711);
      chmodSync(folder, 0o711);
      mkdirSync(cluster, { mode: 0o700 });
      if (other) chownSync(cluster, other.uid, other.gid);
      const as = { cwd: cluster, stdio: 'pipe', ...other } as const;
      const options = ['-U', 'admin', '--auth=trust', '--no-locale', '-E', 'UTF8', '--no-sync'];
      execFileSync(join(bin, 'initdb'), ['-D', cluster, ...options], as);
      certificate = join(cluster, 'server.crt');
      const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const files = ['-keyout', join(cluster, 'server.key'), '-out', certificate];
      execFileSync(
        'openssl',
        ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...files],
        as,
      );
      const hosts = 'host all admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n';
      execFileSync('/bin/sh', ['-c', `printf '%s' "$1" > pg_hba.conf`, 'sh', hosts], as);
    },
    args(folder) {
      const become = other
        ? ['setpriv', `--reuid=${other.uid}`, `--regid=${other.gid}`, '--clear-groups', '--']
        : [];
      const options = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const server = [join(bin, 'postgres'), '-D', join(folder, 'cluster'), ...options];
      return ['-c', SUPERVISOR, 'supervisor', ...become, ...server];
    },
    ready,
  });
  await connect(async (client) => {
    await client.query(`CREATE ROLE sluice LOGIN PASSWORD '${PASSWORD}'`);
    await client.query('CREATE DATABASE sluice OWNER sluice');
  });
  let states = 0;
  return {
    ...running,
    port,
    certificate,
    state: (parameters = '') =>
      `postgres://sluice:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/sluice?schema=state_${++states}${parameters}`,
    sql: (statement, ...values) =>
      connect(async (client) => (await client.query(statement, values)).rows, 'sluice'),
    async down() {
      await writeFile(join(running.folder, 'down'), '');
      process.kill(Number(await readFile(join(running.folder, 'server.pid'), 'utf8')), 'SIGQUIT');
      while (await ready().catch(() => false)) await sleep(20);
    },
    async up() {
      await rm(join(running.folder, 'down'));
      while (!(await ready().catch(() => false))) await sleep(50);
    },
  };
}
