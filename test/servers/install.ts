/**
 * Installs the real servers (and validators) that tests and benchmarks run against, once, into
 * `${SLUICE_SERVERS:-~/.cache/sluice-servers}`: Go programs by `go install` (any recent Go on the PATH),
 * Azurite from npm, Python packages into a virtual environment. A stamp a version makes a second call cheap.
 *
 *   node test/servers/install.ts               everything
 *   node test/servers/install.ts minio rclone  only these
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export const CACHE = process.env.SLUICE_SERVERS ?? join(homedir(), '.cache', 'sluice-servers');

const GO = {
  minio: { module: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' },
  'fake-gcs-server': { module: 'github.com/fsouza/fake-gcs-server', version: 'v1.56.1' },
  rclone: { module: 'github.com/rclone/rclone', version: 'v1.71.0' },
  'weaviate-server': { module: 'github.com/weaviate/weaviate/cmd/weaviate-server', version: 'v1.37.0' },
  versitygw: { module: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' },
  temporal: { module: 'go.temporal.io/server/cmd/server', version: 'v1.29.0' },
  kustomize: { module: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.8.1' },
  // The Compose Specification's own reader; it carries the schema.
  'compose-spec': { module: 'github.com/compose-spec/compose-go/v2/cmd', version: 'v2.16.2' },
} as const;
const AZURITE = '3.35.0';
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

export type Server = keyof typeof GO | 'azurite' | 'python';
export const SERVERS: readonly Server[] = [...(Object.keys(GO) as (keyof typeof GO)[]), 'azurite', 'python'];

/** A file that exists once the version is complete, and the steps that get there. */
interface Recipe {
  program: string;
  stamp: string;
  install: () => Promise<void>;
}

const started = new Map<Server, Promise<string>>();

/** Installs the server where it is not there yet, and gives the path of its program (python: the interpreter). */
export function installed(server: Server): Promise<string> {
  let path = started.get(server);
  if (!path) {
    path = install(server);
    started.set(server, path);
  }
  return path;
}

async function install(server: Server): Promise<string> {
  const recipe = recipeOf(server);
  const ready = () => existsSync(recipe.stamp) && existsSync(recipe.program);
  if (ready()) return recipe.program;
  for (const folder of ['bin', 'locks', 'stamps']) mkdirSync(join(CACHE, folder), { recursive: true });
  const unlock = await lock(join(CACHE, 'locks', server));
  try {
    if (!ready()) {
      await recipe.install();
      writeFileSync(recipe.stamp, '');
    }
  } finally {
    unlock();
  }
  return recipe.program;
}

function recipeOf(server: Server): Recipe {
  const stamp = (version: string) => join(CACHE, 'stamps', `${server}@${version}`);
  if (server === 'azurite') {
    const root = join(CACHE, 'npm');
    return {
      program: join(root, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js'),
      stamp: stamp(AZURITE),
      install: async () => {
        mkdirSync(root, { recursive: true });
        await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', root, `azurite@${AZURITE}`]);
      },
    };
  }
  if (server === 'python') {
    const root = join(CACHE, 'python');
    const program = join(root, 'bin', 'python');
    return {
      program,
      stamp: stamp(createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16)),
      install: async () => {
        if (!existsSync(program)) await run('python3', ['-m', 'venv', root]);
        await run(program, ['-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS]);
      },
    };
  }
  const { module, version } = GO[server];
  // As `go install` names it: a last segment that is a major version does not count.
  const program = join(CACHE, 'bin', basename(module.replace(/\/v\d+$/, '')));
  return {
    program,
    stamp: stamp(version),
    install: async () => {
      if (await isBuildOf(program, module, version)) return;
      await run('go', ['install', `${module}@${version}`], {
        GOBIN: join(CACHE, 'bin'),
        GOFLAGS: '-buildvcs=false',
      });
    },
  };
}

/** A program that was built by other means counts when Go's build record in it names the same version. */
async function isBuildOf(program: string, module: string, version: string): Promise<boolean> {
  if (!existsSync(program)) return false;
  const { stdout } = await promisify(execFile)('go', ['version', '-m', program]);
  const path = /^\tpath\t(\S+)$/m.exec(stdout)?.[1];
  const built = /^\tmod\t(\S+)\t(\S+)/m.exec(stdout);
  return path === module && built !== null && module.startsWith(built[1]!) && built[2] === version;
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  console.error(`${command} ${args.join(' ')}`);
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
}

/** One process at a time. SQLite's own file lock is used because the system takes it back when a process dies. */
async function lock(path: string): Promise<() => void> {
  const database = new DatabaseSync(path);
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return () => database.close();
    } catch (error) {
      if (!/locked|busy/.test(String(error))) throw error;
      await sleep(200);
    }
  }
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !SERVERS.includes(name as Server));
  if (unknown.length > 0) {
    console.error(`Not known: ${unknown.join(', ')} (known: ${SERVERS.join(', ')}).`);
    process.exit(2);
  }
  for (const server of asked.length > 0 ? (asked as Server[]) : SERVERS) {
    console.log(`${server}\t${await installed(server)}`);
  }
}
