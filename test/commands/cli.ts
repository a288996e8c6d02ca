import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The environment of a user who has nothing set up yet. Compiled modules are kept as in `npm test`. */
export function bareEnv(home: string): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_COMPILE_CACHE, HOME: home, SLUICE_STATE: join(home, 'state') };
}

/**
 * Starts the real command line, away from the user's own configuration and state.
 * @param options.detached in a process group of its own, as a terminal starts it
 */
export function startCli(
  args: string[],
  home: string,
  env: Record<string, string> = {},
  options: { detached?: boolean } = {},
): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    cwd: home,
    env: { ...bareEnv(home), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

/** Runs the real command line to its end. */
export async function cli(args: string[], home: string, env?: Record<string, string>): Promise<Ran> {
  const child = startCli(args, home, env);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
